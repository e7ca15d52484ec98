"""Waiting for a device: what a driver does after a write has returned has no file to wait on, so it is looked at."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from nodeagent.host.port import has_carrier

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_PAUSE_SECONDS = 0.1
_LINK_SECONDS = 15.0
_STEADY_SECONDS = 0.5


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Did the condition come true in time?"""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def link_is_back(host: "Host", interface: str) -> bool:
    """Wait until a port that was reset has its link again, and keeps it: a driver may report the old one for a moment.

    False after a quarter of a minute; the port may well come later, so nobody is stopped by that.
    """
    since = 0.0

    def is_steady() -> bool:
        nonlocal since
        if not has_carrier(host, interface):
            since = 0.0
            return False
        since = since or time.monotonic()
        return time.monotonic() - since >= _STEADY_SECONDS

    return wait_until(is_steady, seconds=_LINK_SECONDS)
