"""Time and names, injected so that tests can live through hours and reboots in a moment.

Wall time is a label only: it jumps. Windows and durations are counted by CLOCK_BOOTTIME (clock_gettime(2)), which goes
on through suspend and never jumps.
"""

import secrets
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """`wall_seconds` since 1970 and `boottime_seconds` since boot; `name` makes transaction ids."""

    def wall_seconds(self) -> float: ...

    def boottime_seconds(self) -> float: ...

    def new_name(self) -> str:
        """A name that no other transaction has, sortable by wall time."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def wall_seconds(self) -> float:
        return time.time()

    def boottime_seconds(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def new_name(self) -> str:
        return f"{datetime.fromtimestamp(self.wall_seconds(), UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
