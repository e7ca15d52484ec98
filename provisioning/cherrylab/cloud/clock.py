"""What time it is for the cloud: the machine's, or one that a test moves by hand."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Seconds since 1970."""

    def now(self) -> float: ...


class RealClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()


@dataclass(slots=True, kw_only=True)
class VirtualClock:
    """A clock that stands still until it is moved."""

    seconds: float = 1_800_000_000.0

    def now(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


def timestamp(seconds: float) -> str:
    """As the API writes it: 2026-06-08T10:52:29+00:00."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
