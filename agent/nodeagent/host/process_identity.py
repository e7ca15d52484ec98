"""Which process is meant: its number and when it started, since the kernel gives numbers out again.

Source: proc_pid_stat(5), field 22 (`starttime`, in clock ticks since boot); pidfd_open(2) for a signal that can't reach
a later process of the same number.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

_START_FIELD = 22 - 3  # counted from the state, the first field after the name in parentheses


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process for as long as this boot lasts."""

    pid: int
    start_ticks: int


def own_identity() -> ProcessIdentity:
    """This process. `start_ticks` is 0 where /proc is not mounted."""
    pid = os.getpid()
    return ProcessIdentity(pid=pid, start_ticks=_start_ticks(pid) or 0)


def is_running(identity: ProcessIdentity) -> bool:
    """Does this very process still exist (be it as a zombie)?"""
    return _start_ticks(identity.pid) == identity.start_ticks


def terminate(identity: ProcessIdentity) -> bool:
    """Send SIGTERM to this very process; False when it is gone or not ours to end."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except OSError:
        return False
    try:
        if not is_running(identity):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _start_ticks(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return int(text.rpartition(")")[2].split()[_START_FIELD])
    except (OSError, ValueError, IndexError):
        return None
