"""A firewall that would shut out the person who sets it.

A rule for established connections does not save the present one: the kernel begins to track connections when the
first such rule is loaded, and a packet of one that it doesn't know is `new`. So whoever is connected to a port of
sshd must be let in by a rule of the profile, and so must sshd itself on one of its ports.

Sources: Documentation/networking/nf_conntrack-sysctl.rst (nf_conntrack_tcp_loose), sshd_config(5).
"""

from collections.abc import Iterator

from nodeagent.model.firewall_change import SetFirewallTable
from nodeagent.tune.clashes.situation import Clash, Met, Situation
from nodeagent.tune.packets.remote_peers import Peer, connected_peers, ssh_ports
from nodeagent.tune.packets.settings import FirewallSettings, networks, port_ranges

_TUNABLE = "firewall"


def _find(situation: Situation) -> Iterator[Met]:
    step = next((item for item in situation.items if isinstance(item, SetFirewallTable) and item.after), None)
    if step is None or _TUNABLE not in situation.profile.tune:
        return
    settings: FirewallSettings = situation.profile.tune[_TUNABLE]
    listening, managed = ssh_ports(situation.host), port_ranges(settings.management.ports)
    if listening and not any(_within(port, managed) for port in listening):
        ports = ", ".join(map(str, sorted(listening)))
        yield Met(
            keys=(step.key,),
            reason=f"sshd listens on {ports}, and management is let in on {settings.management.ports} only",
            remedy="set management.ports to the port of sshd",
        )
    peers, problem = connected_peers(situation.host)
    if problem:
        yield Met(
            keys=(step.key,),
            reason=f"who is connected now can't be told, so nobody knows whether they stay in: {problem}",
            remedy="see with `ss -tn` that management.sources holds your own address",
        )
    shut_out = [peer for peer in peers if _manages(peer, listening, managed) and not _let_in(peer, settings)]
    if shut_out:
        told = ", ".join(sorted({f"{peer.address} (port {peer.port})" for peer in shut_out})[:4])
        yield Met(
            keys=(step.key,),
            reason=f"{told} is connected now and would be shut out",
            remedy="add the network to management.sources",
        )


def _manages(peer: Peer, listening: frozenset[int], managed: tuple[tuple[int, int], ...]) -> bool:
    return peer.port in listening or _within(peer.port, managed)


def _let_in(peer: Peer, settings: FirewallSettings) -> bool:
    doors = [(settings.management.ports, settings.management.sources)]
    doors += [(item.ports, item.sources) for item in settings.services if "tcp" in item.protocol.each and not item.nic]
    return any(
        _within(peer.port, port_ranges(ports))
        and any(peer.address in network for network in networks(sources, version=peer.address.version))
        for ports, sources in doors
    )


def _within(port: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= port <= last for first, last in ranges)


FIREWALL_LOCKOUT = Clash(id="NA-CONFLICT-005", find=_find)
