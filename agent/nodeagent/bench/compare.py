"""Two groups of runs side by side: is there a change, how large, and what else differs between them?

One value a run, the exact Mann-Whitney test for "is there one", the Hodges-Lehmann shift with its interval for "how
large", and a smallest effect worth telling: with enough runs every difference becomes significant, and nobody wants to
hear of 0.4 %. Where nothing is found the interval still says what could have been missed.

A comparison is only as good as its runs: take both sides in turns (A B B A), or the afternoon is compared too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from statistics import median

from nodeagent.bench.statistics import Bounds, hodges_lehmann, mann_whitney
from nodeagent.history import StoredRun
from nodeagent.model.measurement import Direction, Metric

SIGNIFICANCE = 0.05
MINIMUM_EFFECT = 0.03


class Finding(StrEnum):
    """What a comparison came to."""

    BETTER = "better"
    WORSE = "worse"
    NO_CHANGE = "no change detected"
    TOO_FEW = "too few runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric at one role. `shift` and `bounds` are in the unit of the metric, after minus before.

    `relative` and `relative_bounds` are the same over the median before; None where that is 0.
    """

    metric: Metric
    role: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    shift: float
    bounds: Bounds
    p_value: float
    finding: Finding

    @property
    def relative(self) -> float | None:
        return _relative(self.shift, self.before)

    @property
    def relative_bounds(self) -> tuple[float, float] | None:
        low, high = _relative(self.bounds.low, self.before), _relative(self.bounds.high, self.before)
        return None if low is None or high is None else (low, high)


def compare(
    before: Sequence[StoredRun],
    after: Sequence[StoredRun],
    *,
    metrics: Sequence[Metric],
    minimum_effect: float = MINIMUM_EFFECT,
) -> tuple[Comparison, ...]:
    """Every metric that both groups measured at the same role, in the order of `metrics`."""
    roles = dict.fromkeys(stored.run.place.role for stored in before)
    compared = []
    for role in roles:
        for metric in metrics:
            groups = _values(before, metric, role), _values(after, metric, role)
            if all(groups):
                compared.append(_compare_values(metric, role, *groups, minimum_effect))
    return tuple(compared)


def smallest_p(before: int, after: int) -> float:
    """The smallest p-value that groups of these sizes can give: all of one above all of the other."""
    return min(1.0, 2 / math.comb(before + after, before))


def _compare_values(
    metric: Metric, role: str, before: tuple[float, ...], after: tuple[float, ...], minimum_effect: float
) -> Comparison:
    shift, bounds = hodges_lehmann(before, after)
    p_value = mann_whitney(before, after)
    return Comparison(
        metric=metric,
        role=role,
        before=before,
        after=after,
        shift=shift,
        bounds=bounds,
        p_value=p_value,
        finding=_finding(metric, before, after, shift, p_value, minimum_effect),
    )


def _finding(
    metric: Metric,
    before: tuple[float, ...],
    after: tuple[float, ...],
    shift: float,
    p_value: float,
    minimum_effect: float,
) -> Finding:
    if smallest_p(len(before), len(after)) > SIGNIFICANCE:
        return Finding.TOO_FEW
    relative = _relative(shift, before)
    too_small = shift == 0 if relative is None else abs(relative) < minimum_effect
    if p_value > SIGNIFICANCE or too_small:
        return Finding.NO_CHANGE
    return Finding.BETTER if (shift > 0) == (metric.direction is Direction.HIGHER) else Finding.WORSE


def _values(runs: Sequence[StoredRun], metric: Metric, role: str) -> tuple[float, ...]:
    return tuple(
        sample.value
        for stored in runs
        if stored.run.place.role == role and not stored.run.aborted
        for sample in stored.run.samples
        if sample.metric == metric.name and isfinite(sample.value)
    )


def _relative(difference: float, before: tuple[float, ...]) -> float | None:
    middle = median(before)
    return difference / middle if middle else None
