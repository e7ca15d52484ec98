"""What the kernel says about its clock: whether somebody disciplines it, and how wrong it may be.

Source: adjtimex(2). STA_UNSYNC stands from boot until a time daemon has the clock, and comes back when the maximum
error has grown beyond 16 seconds without a word from it, which takes about nine hours.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """`synchronised` is None where only the running kernel could tell, then `problem` says so."""

    synchronised: bool | None
    maximum_error_seconds: float | None = None
    problem: str = ""
