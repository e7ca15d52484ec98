"""The thread that starts a cloud's processes, and ends them.

The kernel ends a child when the thread that started it ends, which is what makes sure that no guest outlives its cloud.
Threads that answer requests and do the driver's work come and go, so they have it done by this one; what it does for
them comes one after another, which is also what keeps two of them from switching the same machine.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Keeper:
    """One thread, until `close`."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keeper")

    def do(self, work: Callable[[], T]) -> T:
        """Have it done, and what came of it: a result or the exception. Never called from what is being done."""
        return self._thread.submit(work).result()

    def close(self) -> None:
        self._thread.shutdown()
