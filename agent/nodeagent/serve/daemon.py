"""The life of `nodeagent serve`: listen, refresh on an interval, swap the pages, end at once when asked.

Refreshing happens in a thread of its own that dies with the process: a disk that hangs can make the page old (and
/healthz say so), but can neither delay a scrape nor hold up the end. SIGHUP refreshes now; SIGTERM and SIGINT end.
"""

import asyncio
import errno
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nodeagent.model.errors import BusyError, HostError
from nodeagent.serve import pages
from nodeagent.serve.address import ListenAddress
from nodeagent.serve.http import Connection, Limits, Site
from nodeagent.serve.notify import notify
from nodeagent.serve.render import CONTENT_TYPE
from nodeagent.serve.snapshot import Traffic
from nodeagent.serve.worker import TakeSnapshot, Worker
from nodeagent.version import VERSION

_BACKLOG = 128
_SPARE_DESCRIPTORS = 64
_STALE_AFTER = 3
"""Refreshes that may be missed before /healthz says that the page is old."""


@dataclass(slots=True)
class _State:
    """What the loop knows; touched by the loop's thread only."""

    worker: Worker
    refresh_seconds: float
    site: Site
    tell: Callable[[str], None]
    failures: int = 0
    refreshed_at: float | None = None
    problems: tuple[str, ...] = field(default=("no snapshot was taken yet",))


def run(address: ListenAddress, *, take: TakeSnapshot, refresh_seconds: float, tell: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `tell` gets the line that names the bound address, and every new trouble.

    BusyError where the port is taken, HostError where it can't be had.
    """
    asyncio.run(_run(address, take, refresh_seconds, tell))


async def _run(address: ListenAddress, take: TakeSnapshot, refresh_seconds: float, tell: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    stop, hurry = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, hurry.set)

    site = Site(pages={"/": pages.index(VERSION), "/metrics": pages.problem(503, "no snapshot was taken yet")})
    state = _State(worker=Worker(take), refresh_seconds=refresh_seconds, site=site, tell=tell)
    site.live["/healthz"] = lambda: pages.health(_problems(state))
    server = await _listen(address, site)
    tell(f"listening on http://{ListenAddress(host=address.host, port=server.sockets[0].getsockname()[1])}/metrics")

    refreshing = asyncio.create_task(_keep_refreshing(state, hurry))
    await stop.wait()
    notify("STOPPING=1")
    refreshing.cancel()
    server.close()
    for connection in list(site.connections):
        connection.refuse("shutdown")


async def _listen(address: ListenAddress, site: Site) -> asyncio.Server:
    limits = Limits(connections=_connection_limit())
    try:
        return await asyncio.get_running_loop().create_server(
            lambda: Connection(site, limits), address.host, address.port, backlog=_BACKLOG
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BusyError(
                f"cannot listen on {address}: another program does already (a second nodeagent serve?)",
                remedy=f"find it with `ss -Hltnp 'sport = :{address.port}'`, or choose another port with --listen",
            ) from error
        raise HostError(
            f"cannot listen on {address}: {os.strerror(error.errno or 0)}",
            remedy="choose another address with --listen",
        ) from error


def _connection_limit() -> int:
    """As many as the descriptors allow that this process may have, after raising the soft limit a little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = Limits().connections + _SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return (
        Limits().connections if soft == resource.RLIM_INFINITY else min(Limits().connections, soft - _SPARE_DESCRIPTORS)
    )


async def _keep_refreshing(state: _State, hurry: asyncio.Event) -> None:
    ready = False
    while True:
        hurry.clear()
        await _refresh(state)
        notify("WATCHDOG=1" if ready else "READY=1")
        ready = True
        try:
            async with asyncio.timeout(state.refresh_seconds):
                await hurry.wait()
        except TimeoutError:
            continue


async def _refresh(state: _State) -> None:
    """Have a snapshot taken and swap the page; a failure leaves the old page and is told."""
    traffic = Traffic(
        responses=dict(state.site.responses),
        refused=dict(state.site.refused),
        connections=len(state.site.connections),
    )
    problems: tuple[str, ...]
    try:
        snapshot, body = await state.worker.refresh(traffic, state.failures)
    except Exception as error:  # whatever it was, serving goes on, and it is told in three places
        state.failures += 1
        problems = (f"refresh failed: {type(error).__name__}: {error}",)
    else:
        state.failures = snapshot.health.failures
        state.refreshed_at = time.monotonic()
        problems = tuple(f"cannot read: {name}" for name, good in snapshot.health.sources.items() if not good)
        state.site.pages["/metrics"] = pages.Page(status=200, content_type=CONTENT_TYPE, body=body)
    if problems != state.problems and problems:
        state.tell("; ".join(problems))
    state.problems = problems


def _problems(state: _State) -> tuple[str, ...]:
    if state.refreshed_at is None:
        return state.problems
    age = time.monotonic() - state.refreshed_at
    if age > _STALE_AFTER * state.refresh_seconds:
        return (*state.problems, f"the last snapshot is {age:.0f} s old")
    return state.problems
