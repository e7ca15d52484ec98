"""What an apply is given and what it answers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from nodeagent.model.change import Change, Risk
from nodeagent.model.errors import ExitCode
from nodeagent.model.facts import HostFacts
from nodeagent.model.profile import Profile
from nodeagent.model.verdict import Verdict
from nodeagent.tune import guard
from nodeagent.tune.placement import placed
from nodeagent.tune.plan import Plan
from nodeagent.tune.tunable import AnyTunable
from nodeagent.tune.undo.undo import UndoStep
from nodeagent.tune.verify import exit_code as verify_exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Everything that an apply is given. `read_facts` reads the machine anew; `interrupted` is asked between steps.

    `confirm_within_seconds` arms a guard that rolls back unless `tune confirm` comes in time; `start_guard` and
    `end_guard` start and end it. `force` carries out also what a running validator could feel;
    `overrides` are ids of clashes that are meant.
    With `remember` its profile becomes that of the next boot, once it has ended well and was confirmed.
    """

    plan: Plan
    profile: Profile
    tunables: Sequence[AnyTunable]
    read_facts: Callable[[], HostFacts]
    allow: Collection[Risk] = ()
    force: bool = False
    remember: bool = True
    overrides: Collection[str] = ()
    confirm_within_seconds: float | None = None
    interrupted: Callable[[], bool] = field(default=lambda: False)
    start_guard: guard.Start = guard.start
    end_guard: Callable[[Mapping[str, Any]], object] = guard.end

    def placed_facts(self) -> HostFacts:
        """The machine read anew, with the map of CPUs that the profile asks for."""
        return placed(self.read_facts(), self.profile)


class ApplyOutcome(StrEnum):
    """How an apply ended; the value is the last word of its transaction in the journal."""

    NOTHING = "nothing-to-do"
    APPLIED = "applied"
    INTERRUPTED = "interrupted"
    ROLLED_BACK = "rolled-back"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyResult:
    """`applied` are the changes that were made; `undone` is what became of them after a `problem`."""

    outcome: ApplyOutcome
    transaction: str | None = None
    applied: tuple[Change, ...] = ()
    total: int = 0
    problem: str = ""
    remedy: str = ""
    undone: tuple[UndoStep, ...] = ()
    recovered: tuple[UndoStep, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    undo_script: Path | None = None
    confirm_within_seconds: float | None = None

    @property
    def exit_code(self) -> ExitCode:
        """DIFFERS where something outside of the plan is still not as the profile says."""
        match self.outcome:
            case ApplyOutcome.ROLLED_BACK:
                return ExitCode.ROLLED_BACK
            case ApplyOutcome.REFUSED:
                return ExitCode.REFUSED
            case ApplyOutcome.INTERRUPTED:
                return ExitCode.INTERRUPTED
            case ApplyOutcome.NOTHING | ApplyOutcome.APPLIED:
                return verify_exit_code(self.verdicts)
