"""The runs of one benchmark at one place, put together metric by metric."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

from nodeagent.bench.benchmark import Benchmark
from nodeagent.bench.judge import decide
from nodeagent.bench.statistics import StoppingRule
from nodeagent.bench.steady_state import steady_state
from nodeagent.model.judgement import Outcome
from nodeagent.model.measurement import Measurement, Metric, Place, Run, Target, Unit

_SETTLING = frozenset({Unit.IOPS, Unit.BYTES_PER_SECOND, Unit.SECONDS})
"""Units of metrics that have a level to settle on; a share of lost packets has none."""


@dataclass(slots=True, kw_only=True)
class Series:
    """Grows by one run at a time. `numbers` are those of the history."""

    benchmark: Benchmark
    place: Place
    runs: list[Run] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def add(self, run: Run, number: int | None) -> None:
        self.runs.append(run)
        if number is not None:
            self.numbers.append(number)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the runs were noted with, each once."""
        return tuple(dict.fromkeys(note for run in self.runs for note in run.notes))

    def values(self, metric: Metric) -> tuple[float, ...]:
        """One value for each run that gave one, in the order measured."""
        return tuple(
            sample.value
            for run in self.runs
            if not run.aborted
            for sample in run.samples
            if sample.metric == metric.name
        )

    def aborted(self, metric: Metric) -> tuple[str, ...]:
        """A reason for each run that gave no value."""
        return tuple(filter(None, (_why_no_value(run, metric) for run in self.runs)))

    def measurement(self, metric: Metric) -> Measurement:
        values = self.values(metric)
        state = steady_state(values) if metric.unit in _SETTLING and all(map(isfinite, values)) else None
        return Measurement(
            metric=metric,
            benchmark=self.benchmark.name,
            place=self.place,
            values=values,
            steady=None if state is None else state.steady,
            evidence=tuple(f"run {number}" for number in self.numbers),
        )

    def is_decided(
        self, targets: Sequence[tuple[Metric, Target]], *, rule: StoppingRule, minimum: int, cap: int
    ) -> bool:
        """No further run is needed, or none would help."""
        made = len(self.runs)
        if made >= cap or self._is_hopeless():
            return True
        if made < minimum:
            return False
        return all(self._outcome(metric, target, rule, cap) is not None for metric, target in targets)

    def _is_hopeless(self) -> bool:
        """Twice nothing at all: a third attempt would fail in the same way."""
        return len(self.runs) >= 2 and all(run.aborted for run in self.runs)

    def _outcome(self, metric: Metric, target: Target, rule: StoppingRule, cap: int) -> Outcome | None:
        return decide(self.values(metric), target, rule=rule, cap=cap, aborted=len(self.aborted(metric)))


def _why_no_value(run: Run, metric: Metric) -> str:
    if run.aborted:
        return run.aborted
    if any(sample.metric == metric.name for sample in run.samples):
        return ""
    return f"{run.tool or run.benchmark} gave no figure for {metric.name}"
