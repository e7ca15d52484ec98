"""Writes each run down as it ends; where that fails, measuring goes on: a full disk is no reason to lose a result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nodeagent.bench.events import Trouble
from nodeagent.bench.fingerprint import Fingerprint
from nodeagent.history import History, Suite
from nodeagent.model.errors import BusyError, HistoryError
from nodeagent.model.judgement import Judgement
from nodeagent.model.measurement import Run

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Recorder:
    """`history` None keeps nothing, and so does a history after its first failure, which `on_trouble` is told."""

    history: History | None
    suite: Suite
    on_trouble: Callable[[Trouble], None]

    def begin(self) -> None:
        self._attempt(lambda history: history.begin_suite(self.suite))

    def run(self, run: Run, fingerprint: Fingerprint) -> int | None:
        """The number of the run; None where it was not kept."""
        return self._attempt(
            lambda history: history.add_run(
                run, suite=self.suite.id, fingerprint=fingerprint.digest, parts=fingerprint.parts
            )
        )

    def judgement(self, judgement: Judgement, *, judged_at: float, run_ids: Sequence[int]) -> None:
        self._attempt(
            lambda history: history.add_judgement(judgement, suite=self.suite.id, judged_at=judged_at, run_ids=run_ids)
        )

    def _attempt(self, action: Callable[[History], T]) -> T | None:
        if self.history is None:
            return None
        try:
            return action(self.history)
        except (HistoryError, BusyError) as error:
            self.history = None
            self.on_trouble(Trouble(message=error.message, remedy=error.remedy or ""))
            return None
