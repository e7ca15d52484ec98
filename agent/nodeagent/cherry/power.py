"""Power: on, off, cycle, and whether it took.

`cycle` is the API's `reboot`, which presses the button, as if the machine hung: ask the machine itself first.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from nodeagent.cherry.api import Api
from nodeagent.cherry.server import Server, power_of

_POLL_SECONDS = 2.0


class Press(StrEnum):
    """What may be pressed, in the words of the command line."""

    ON = "on"
    OFF = "off"
    CYCLE = "cycle"

    @property
    def harms(self) -> bool:
        """Whether what runs there is stopped."""
        return self is not Press.ON


_ACTIONS = {Press.ON: "power-on", Press.OFF: "power-off", Press.CYCLE: "reboot"}
_WANTED = {Press.ON: "on", Press.OFF: "off", Press.CYCLE: "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """`power` is what the API showed last: on, off, or "" where it doesn't tell."""

    hostname: str
    server_id: int
    power: str
    wanted: str

    @property
    def reached(self) -> bool:
        return self.power == self.wanted


def press(
    api: Api,
    server: Server,
    button: Press,
    *,
    wait_seconds: float,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Power:
    """Press, then look until the power is as wanted or the time is over."""
    api.post(f"/servers/{server.id}/actions", {"type": _ACTIONS[button]})
    end = monotonic() + wait_seconds
    while True:
        power = power_of(api, server.id)
        if power == _WANTED[button] or monotonic() >= end:
            return Power(hostname=server.hostname, server_id=server.id, power=power, wanted=_WANTED[button])
        sleep(_POLL_SECONDS)
