"""The word on one measurement: PASS, FAIL or INCONCLUSIVE by the confidence bound, always with the numbers.

PASS needs the whole interval on the right side of the target, FAIL the whole interval on the wrong one. What was not
measured and what has no target are outcomes too: silence is not success.
"""

from dataclasses import dataclass
from enum import StrEnum

from nodeagent.model.measurement import Measurement, Metric, Place, Target


class Outcome(StrEnum):
    """The five ways a measurement can end."""

    PASS = "pass"  # noqa: S105 - a word of the report, not a secret
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not-measured"
    NO_TARGET = "no-target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval of the median; `confidence` is the probability it really has (0-1)."""

    low: float
    median: float
    high: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`reason` is one sentence with the numbers; `remedy` the next command where the outcome is not PASS."""

    metric: Metric
    place: Place
    outcome: Outcome
    reason: str
    remedy: str = ""
    interval: Interval | None = None
    measurement: Measurement | None = None
    target: Target | None = None
    decided_at_run: int | None = None
    measured_at: float | None = None
    ceiling: float | None = None
    fingerprint: str = ""
