"""What happens in a child between fork and exec, and the one setting of ours that goes with it.

A benchmark that outlives the agent would go on loading the machine with nobody to stop it, so the kernel is told to
kill the child when the thread that started it dies (PR_SET_PDEATHSIG, prctl(2)). And the agent becomes the reaper of
its descendants (PR_SET_CHILD_SUBREAPER): what a child leaves behind by forking twice comes back to us and can be found.

The code after the fork makes a handful of system calls and nothing else: other threads may have held any lock.
"""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)

SHIELDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What a person or a service manager sends to end us; held back for the moments when a child must not be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSetup:
    """Called in the child. An OSError here keeps the program from being started."""

    parent_pid: int
    nice: int | None
    namespace_fd: int | None

    def __call__(self) -> None:
        _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "PR_SET_PDEATHSIG")
        # The parent may have died before the kernel knew that we wanted to hear of it.
        if os.getppid() != self.parent_pid:
            os._exit(1)
        if self.namespace_fd is not None:
            _check(_libc.setns(self.namespace_fd, _CLONE_NEWNET), "setns")
        if self.nice is not None:
            os.setpriority(os.PRIO_PROCESS, 0, self.nice)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


def become_subreaper() -> None:
    """Adopt orphaned descendants instead of leaving them to init; OSError where the kernel refuses (before 3.4)."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER")


class Shield:
    """Holds back SHIELDED in this thread while the block runs, so that no child is lost half started or half ended.

    They arrive inside `lowered`, or when the block is left. Python runs handlers in the main thread only; there this is
    exact, in another thread it changes nothing.
    """

    def __enter__(self) -> Self:
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, SHIELDED)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    @contextmanager
    def lowered(self) -> Iterator[None]:
        """Let them through again; they raise in here."""
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, SHIELDED)

    def waiting(self) -> bool:
        """Has one come since that will be delivered when the block is left?"""
        return any(number in signal.sigpending() for number in SHIELDED if number not in self._before)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
