"""What a suite tells while it runs: the same events feed the terminal, JSON Lines and tests.

`run` counts the runs of one benchmark at one place from 1; figures are in base units.
"""

from dataclasses import dataclass

from nodeagent.model.judgement import Judgement
from nodeagent.model.measurement import Place, Run, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteStarted:
    """What is going to happen; `suite` is "" where no history is kept."""

    suite: str
    benchmarks: int
    at_least_seconds: float
    at_most_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkStarted:
    """`minimum_runs` will be made, `cap_runs` at most, each of `run_seconds`."""

    benchmark: str
    place: Place
    minimum_runs: int
    cap_runs: int
    run_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """About twice a second, as runner.Progress: `phase` is prefill, ramp or measure; the times are those of the phase.

    `value` is the tool's figure of the last second in `unit`, None while there is none.
    """

    benchmark: str
    place: Place
    run: int
    phase: str
    elapsed_seconds: float
    total_seconds: float
    value: float | None = None
    unit: Unit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """`number` is the run's number in the history, None where it was not kept."""

    run: int
    number: int | None
    result: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkFinished:
    """The words on all metrics of one benchmark at one place."""

    benchmark: str
    place: Place
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something beside the measuring failed, which goes on: runs are not kept, a test file could not be removed."""

    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFinished:
    """`interrupted` tells that something that was planned has not been measured."""

    suite: str
    elapsed_seconds: float
    interrupted: bool


Event = SuiteStarted | BenchmarkStarted | RunProgress | RunFinished | BenchmarkFinished | Trouble | SuiteFinished
