"""Can this machine still be reached? What its links and its gateways say, before and after a change.

Nobody inside a machine can know whether somebody outside gets in; but a link without carrier, a route that is gone or
a gateway that doesn't answer any more is what a wrong MTU, ring or VF looks like from here. Compared is only what was
there before: a port without a cable, or a gateway that never answers, says nothing.
"""

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nodeagent.host.process import find_program, run
from nodeagent.model.command import Command

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_PING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Ports with carrier, default routes as `interface gateway`, and the gateways that answered."""

    links: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()
    answering: frozenset[str] = frozenset()

    @property
    def blind(self) -> bool:
        """Nothing is up: nobody could tell whether a change cut it."""
        return not self.links

    def lost(self, now: "Reach") -> tuple[str, ...]:
        """What was there and isn't now, in words."""
        return (
            *(f"no carrier on {link}" for link in sorted(self.links - now.links)),
            *(f"no default route by {route}" for route in sorted(self.routes - now.routes)),
            *(f"the gateway {gateway} does not answer" for gateway in sorted(self.answering - now.answering)),
        )


def look(host: "Host") -> Reach:
    """One look; asks each gateway once, on the running machine only."""
    links = frozenset(
        name
        for name in host.names("/sys/class/net")
        if host.kind_and_mode(f"/sys/class/net/{name}/device")[0] != "absent"
        and host.text(f"/sys/class/net/{name}/carrier") == "1"
    )
    routes = {f"{interface} {gateway}": gateway for interface, gateway in _default_routes(host)}
    answering = frozenset(gateway for gateway in routes.values() if host.is_live and _answers(gateway))
    return Reach(links=links, routes=frozenset(routes), answering=answering)


def _default_routes(host: "Host") -> list[tuple[str, str]]:
    """Interface and gateway of each IPv4 default route (proc_net_route: hexadecimal, in the byte order of the host)."""
    found = []
    for line in host.read("/proc/net/route").text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == "00000000" and fields[7] == "00000000" and fields[2] != "00000000":
            found.append((fields[0], socket.inet_ntoa(bytes.fromhex(fields[2])[::-1])))
    return found


def _answers(gateway: str) -> bool:
    if find_program("ping") is None:
        return False
    return run(Command(argv=("ping", "-n", "-c", "1", "-W", "2", gateway), timeout_seconds=_PING_SECONDS)).ok
