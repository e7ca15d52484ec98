"""Ctrl-C, TERM or a lost terminal in the middle of an apply: the change under way is finished, then the apply stops.

A signal only sets a flag here, since an exception in the middle of a write would leave a half step behind.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_between_steps() -> Iterator[Callable[[], bool]]:
    """For the block, signals only set a flag; yields the question whether one came. Main thread only.

    A signal that is ignored (nohup) stays ignored.
    """
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
