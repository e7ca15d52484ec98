"""What the running kernel lets us do, asked by trying: io_uring, and whether the clock is kept in step.

Both answers stand in no file: a seccomp filter forbids io_uring without a trace in /proc/sys, and the kernel's
synchronisation flag is read by adjtimex(2) alone. Nothing is changed: the ring is closed at once, and no mode is set.
"""

import ctypes
import errno
import os
import platform

_IO_URING_SETUP = 425  # one number for every architecture (include/uapi/asm-generic/unistd.h)
_IO_URING_PARAMETERS_BYTES = 120
_TIMEX_BYTES = 208
_TIMEX_STATUS_OFFSET = 40
_STA_UNSYNC = 0x0040


def io_uring_problem() -> str:
    """The errno with which io_uring_setup(2) refuses a ring of one entry; "" where it works."""
    libc = ctypes.CDLL(None, use_errno=True)
    parameters = ctypes.create_string_buffer(_IO_URING_PARAMETERS_BYTES)
    descriptor = libc.syscall(ctypes.c_long(_IO_URING_SETUP), ctypes.c_uint(1), parameters)
    if descriptor < 0:
        return errno.errorcode.get(ctypes.get_errno(), "EIO")
    os.close(descriptor)
    return ""


def clock_is_synchronised() -> bool | None:
    """Does the kernel believe that something keeps its clock in step? None where it can't be asked."""
    if platform.architecture()[0] != "64bit":
        return None  # struct timex has another layout
    libc = ctypes.CDLL(None, use_errno=True)
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    if libc.adjtimex(timex) < 0:
        return None
    status = int.from_bytes(timex.raw[_TIMEX_STATUS_OFFSET : _TIMEX_STATUS_OFFSET + 4], "little")
    return not status & _STA_UNSYNC
