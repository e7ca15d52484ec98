"""How much time to spend: how many runs, how long each. What is shorter decides less, never wrongly.

Five runs are the fewest that can give a verdict; fewer only ever give INCONCLUSIVE (statistics.py).
"""

from dataclasses import dataclass

from nodeagent.bench.statistics import StoppingRule
from nodeagent.model.errors import UsageError

LARGEST_CAP = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """`minimum_runs` are made in any case, up to `cap_runs` while a target is undecided.

    `runtime_seconds` and `ramp_seconds` stand over what the profile says; None leaves it.
    """

    minimum_runs: int = 5
    cap_runs: int = 9
    runtime_seconds: float | None = None
    ramp_seconds: float | None = None

    @property
    def rule(self) -> StoppingRule:
        return StoppingRule(first_look=self.minimum_runs)

    def checked(self) -> "Effort":
        """Itself; UsageError where it can't be meant."""
        if not 1 <= self.minimum_runs <= self.cap_runs <= LARGEST_CAP:
            raise UsageError(
                f"{self.minimum_runs} runs with a cap of {self.cap_runs}: wanted 1 <= runs <= cap <= {LARGEST_CAP}"
            )
        if self.runtime_seconds is not None and not 0.5 <= self.runtime_seconds <= 86400:
            raise UsageError(f"a runtime of {self.runtime_seconds:g} s: wanted 0.5 s to 1 d")
        return self


QUICK = Effort(minimum_runs=5, cap_runs=5, runtime_seconds=1.0, ramp_seconds=0.0)
"""For a demonstration: five runs of a second, and what they leave open stays open."""
