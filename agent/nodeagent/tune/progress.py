"""What the engine tells while it works: one event a step, in the order things happen.

The listener is called between the steps, so it sees exactly what is durable; a test that raises from it stops the
engine at that point as a crash would.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """The points of an apply or a rollback; each comes after what it names."""

    BEGUN = "begun"
    ARMED = "armed"
    OBSERVED = "observed"
    INTENDED = "intended"
    PERFORMED = "performed"
    DONE = "done"
    FAILED = "failed"
    TUNABLE_DONE = "tunable-done"
    VERIFIED = "verified"
    ROLLING = "rolling"
    RESTORED = "restored"
    ROLLED = "rolled"
    KEPT = "kept"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`number` of `total` counts changes and starts at 1; `text` is the shell command or the reason."""

    step: Step
    transaction: str
    tunable: str = ""
    key: str = ""
    text: str = ""
    number: int = 0
    total: int = 0


Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """The listener of those who need none."""
