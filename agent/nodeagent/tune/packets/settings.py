"""What a profile may say about the firewall; the `firewall` tunable's Settings.

    firewall:
      policy: drop
      management: {sources: ["203.0.113.0/24", "2001:db8::/32"], ports: "22"}
      services:
        - {name: gossip, protocol: udp, ports: "8000-10000", sources: [any], udp_packets_per_second: 20000}
        - {name: rpc, protocol: tcp, ports: "8899-8900", sources: ["10.0.0.0/8"]}

A source is a network or an address, or `any`. Every list has an end, and so has what the kernel is to remember.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Annotated, Any

from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Bound, Setting
from nodeagent.profiles.constraint import Check, Fault, Pattern, Range
from nodeagent.profiles.name import Name
from nodeagent.tune.ports.selection import nic_faults

ANY = "any"
MAX_SOURCES = 512
MAX_SERVICES = 32

Ports = Annotated[str, Pattern(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?){0,31}", "ports such as 8000-10000,8899")]
Source = Annotated[str, Pattern(r"any|[0-9A-Fa-f.:]{2,45}(/\d{1,3})?", "a network such as 203.0.113.0/24, or any")]
PerSecond = Annotated[int, Range(1, 10_000_000)]


class Policy(StrEnum):
    """What becomes of a packet to this host that no rule lets in; `absent` is no table of ours at all."""

    DROP = "drop"
    ABSENT = "absent"


class Protocol(StrEnum):
    """What a service speaks."""

    UDP = "udp"
    TCP = "tcp"
    BOTH = "both"

    @property
    def each(self) -> tuple[str, ...]:
        return ("udp", "tcp") if self is Protocol.BOTH else (self.value,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Management:
    """From where the machine is managed. Without a source nobody could come back."""

    sources: tuple[Source, ...]
    ports: Ports = "22"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Ports that others may reach: from where, through which network port, and how often each source may.

    `udp_packets_per_second` limits every packet, `tcp_connections_per_second` new connections only; a source may send
    as much as that of one second at once.
    """

    name: Name
    protocol: Protocol
    ports: Ports
    sources: tuple[Source, ...]
    nic: NicSelector | None = None
    udp_packets_per_second: PerSecond | None = None
    tcp_connections_per_second: PerSecond | None = None

    def limit(self, protocol: str) -> int | None:
        return self.udp_packets_per_second if protocol == "udp" else self.tcp_connections_per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallSettings:
    """`sources_remembered` bounds each set of sources that are being limited; past it new ones are not limited."""

    policy: Setting[Policy]
    management: Management
    services: tuple[Service, ...] = ()
    ping: bool = True
    log_per_minute: Annotated[int, Range(0, 600)] = 10
    sources_remembered: Annotated[int, Range(1_024, 1_048_576)] = 65_536


Network = IPv4Network | IPv6Network


def networks(sources: tuple[str, ...], *, version: int) -> tuple[Network, ...]:
    """The networks of one family, joined where one holds another; `any` is the whole of it."""
    texts = [("0.0.0.0/0" if version == 4 else "::/0") if text == ANY else text for text in sources]
    found = [network for text in texts if (network := ip_network(text)).version == version]
    return tuple(collapse_addresses(found))  # type: ignore[type-var]


def port_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """`8000-10000,8899` as sorted pairs of first and last, joined where they overlap or touch."""
    found: list[tuple[int, int]] = []
    pairs = (part.partition("-") for part in text.split(","))
    for first, last in sorted((int(one), int(two or one)) for one, _, two in pairs):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def faults(settings: FirewallSettings) -> Iterator[Fault]:
    """Addresses and ports that are none, lists without an end, limits of what isn't let in."""
    if settings.policy.bound is not Bound.EXACTLY:
        yield Fault(path=("policy",), problem="a policy has no order: write it without >= or <=")
    yield from _address_faults(settings.management.sources, ("management",))
    yield from _port_faults(settings.management.ports, ("management",))
    if len(settings.services) > MAX_SERVICES:
        yield Fault(path=("services",), problem=f"more than {MAX_SERVICES} services")
    seen: set[str] = set()
    for at, service in enumerate(settings.services):
        path: tuple[str | int, ...] = ("services", at)
        if service.name in seen:
            yield Fault(path=(*path, "name"), problem="a second service of this name")
        seen.add(service.name)
        yield from _address_faults(service.sources, path)
        yield from _port_faults(service.ports, path)
        for protocol, name in (("udp", "udp_packets_per_second"), ("tcp", "tcp_connections_per_second")):
            if service.limit(protocol) is not None and protocol not in service.protocol.each:
                yield Fault(path=(*path, name), problem=f"the service does not speak {protocol}")
        if service.nic is not None:
            yield from (
                Fault(path=("services", *fault.path), problem=fault.problem) for fault in nic_faults(at, service.nic)
            )


def _address_faults(sources: tuple[str, ...], path: tuple[str | int, ...]) -> Iterator[Fault]:
    if not sources:
        yield Fault(path=(*path, "sources"), problem="no source: name networks, or any")
    if len(sources) > MAX_SOURCES:
        yield Fault(path=(*path, "sources"), problem=f"more than {MAX_SOURCES} sources")
    for at, text in enumerate(sources):
        if text == ANY:
            continue
        try:
            ip_network(text)
        except ValueError as error:
            yield Fault(path=(*path, "sources", at), problem=f"no network: {error}")


def _port_faults(text: str, path: tuple[str | int, ...]) -> Iterator[Fault]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not 1 <= int(first) <= int(last or first) <= 65_535:
            yield Fault(path=(*path, "ports"), problem=f"{part}: wanted ports from 1 to 65535, the smaller one first")


Settings: Any = Annotated[FirewallSettings, Check(faults)]
