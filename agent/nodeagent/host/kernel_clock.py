"""The state of the kernel's clock by adjtimex(2) with no mode set, which only reads and which anybody may call.

No file shows it, so a captured tree can't tell; what timesyncd leaves in /run is for whoever knows that it is
timesyncd.
"""

import ctypes
import errno
import os
from typing import TYPE_CHECKING

from nodeagent.model.clock_state import ClockState

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_UNSYNCHRONISED = 0x0040  # STA_UNSYNC of sys/timex.h
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """struct timex as 64-bit Linux has it; the tail is room for what the kernel adds."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("rest", ctypes.c_char * 256),
    )


def read_clock(host: "Host") -> ClockState:
    """Never raises: a kernel that refuses to say is a problem with its errno."""
    if not host.is_live:
        return ClockState(synchronised=None, problem="only the running kernel tells whether its clock is synchronised")
    timex = _Timex()
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.byref(timex))
    if state < 0:
        number = ctypes.get_errno()
        problem = f"adjtimex: {os.strerror(number)} ({errno.errorcode.get(number, number)})"
        return ClockState(synchronised=None, problem=problem)
    synchronised = state != _TIME_ERROR and not timex.status & _UNSYNCHRONISED
    return ClockState(synchronised=synchronised, maximum_error_seconds=timex.maxerror / 1e6)
