"""Has the device settled? The two criteria of the SNIA Solid State Storage Performance Test Specification.

A new or trimmed drive is fast until its free blocks are used up, and a hot one slows down, so a level that still moves
is no result. Over the last five rounds both must hold: the values stay within a band, and the line through them does
not climb or fall. One alone misses half of the cases: a slow decline stays within the band, a single dip hardly tilts
the line. (fio's `ss=` can check only one of the two.)

A round here is one run, its value the mean over that run. Source: SNIA PTS 2.0.2, "Steady State": range of the five
values at most 20 % of their mean, and excursion of the least-squares line over the window at most 10 % of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean, linear_regression

WINDOW_ROUNDS = 5
RANGE_LIMIT = 0.20
EXCURSION_LIMIT = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyState:
    """The window looked at: `range_ratio` and `excursion_ratio` are relative to `mean`."""

    mean: float
    range_ratio: float
    excursion_ratio: float

    @property
    def steady(self) -> bool:
        return self.range_ratio <= RANGE_LIMIT and self.excursion_ratio <= EXCURSION_LIMIT

    def __str__(self) -> str:
        return (
            f"range {self.range_ratio:.1%} of the mean (at most {RANGE_LIMIT:.0%}), "
            f"slope {self.excursion_ratio:.1%} (at most {EXCURSION_LIMIT:.0%}) over {WINDOW_ROUNDS} runs"
        )


def steady_state(rounds: Sequence[float]) -> SteadyState | None:
    """Judge the last five rounds; None where there are fewer, or where their mean is no positive number."""
    window = rounds[-WINDOW_ROUNDS:]
    if len(window) < WINDOW_ROUNDS or not all(map(isfinite, window)):
        return None
    mean = fmean(window)
    if mean <= 0:
        return None
    slope, _ = linear_regression(range(WINDOW_ROUNDS), window)
    return SteadyState(
        mean=mean,
        range_ratio=(max(window) - min(window)) / mean,
        excursion_ratio=abs(slope) * (WINDOW_ROUNDS - 1) / mean,
    )
