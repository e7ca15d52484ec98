"""The thread that reads the host, beside the loop that serves.

One thread for as long as the process lives, since each new one leaves a little memory behind. It is a daemon thread: it
dies with the process wherever it stands, so a disk that hangs can't hold up the end; it only reads, so nothing is lost.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable

from nodeagent.serve.render import render, render_process
from nodeagent.serve.snapshot import Snapshot, Traffic

TakeSnapshot = Callable[[Traffic, int], Snapshot]
"""Reads the host, given what the server counted and how many refreshes failed before; never writes."""

_Result = tuple[Snapshot, bytes]
_Job = tuple[Traffic, int, "asyncio.Future[_Result]"]


class Worker:
    """Takes and renders one snapshot after the other, on request."""

    def __init__(self, take: TakeSnapshot) -> None:
        self._take = take
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="refresh", daemon=True).start()

    async def refresh(self, traffic: Traffic, failures: int) -> _Result:
        """A snapshot and its page; raises whatever taking it raised."""
        taken: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._jobs.put((traffic, failures, taken))
        return await taken

    def _work(self) -> None:
        while True:
            traffic, failures, taken = self._jobs.get()
            result: _Result | Exception
            try:
                snapshot = self._take(traffic, failures)
                result = snapshot, render(snapshot) + render_process()
            except Exception as error:
                result = error
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits for it any more
                taken.get_loop().call_soon_threadsafe(_deliver, taken, result)
            del traffic, taken, result


def _deliver(taken: "asyncio.Future[_Result]", result: _Result | Exception) -> None:
    if taken.done():
        return
    if isinstance(result, Exception):
        taken.set_exception(result)
    else:
        taken.set_result(result)
