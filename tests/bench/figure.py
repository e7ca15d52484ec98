"""What a figure is, and how contenders are timed side by side.

A shared machine drifts: it is busier now than a minute ago. So contenders take turns, one run each in every round, and
the ratio is that of their medians; a figure taken alone says nothing about nodeagent.
"""

import os
import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The bound of a ratio or, where nothing is beside it, of the value itself."""

    bound: float
    at_most: bool = True

    def met(self, value: float) -> bool:
        return value <= self.bound if self.at_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.bound:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: ours, what stands beside it, in `unit`. Without `beside` the goal bounds `ours`."""

    label: str
    unit: str
    ours: float
    beside_label: str = ""
    beside: float | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.beside is None else self.ours / self.beside

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.goal.met(self.ours if self.ratio is None else self.ratio)


class Figure(Protocol):
    """`measure` may write below `workspace` only; it raises where a contender gives a wrong answer."""

    name: str
    summary: str

    def measure(self, *, workspace: Path, rounds: int) -> Sequence[Row]: ...


def take_turns(contenders: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, float]:
    """Median of what each contender returns, after one round that warms the caches and is thrown away."""
    results: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            value = contender()
            if number > 0:
                results[name].append(value)
    return {name: statistics.median(values) for name, values in results.items()}


def command_seconds(argv: Sequence[str], *, workspace: Path, expected: Collection[int] = (0,)) -> float:
    """Wall time of one command with its output thrown away; RuntimeError for another exit code than `expected`.

    posix_spawn, because subprocess itself would add a good part of a bare interpreter's start to both sides.
    """
    errors = workspace / "stderr"
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.fspath(errors), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    started = time.perf_counter()
    pid = os.posix_spawn(argv[0], list(argv), _environment(workspace), file_actions=actions)
    _, status = os.waitpid(pid, 0)
    seconds = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    if code not in expected:
        raise RuntimeError(f"{' '.join(argv)} exited with {code}: {errors.read_text()}")
    return seconds


def _environment(workspace: Path) -> dict[str, str]:
    """An ordinary environment: compiled modules are kept, state goes to the workspace."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE"))}
    return {**kept, "NODEAGENT_STATE_DIR": os.fspath(workspace / "state")}
