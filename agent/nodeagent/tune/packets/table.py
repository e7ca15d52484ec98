"""The table of ours as text, made from settings: what nft(8) is given, with the seal by which it is known again.

The order of the rules of `input`, which is what decides:

1. what comes over loopback passes;
2. a source that sends more than its limit to a service is dropped, also within an established flow: UDP flows are
   established by the first answer, and a limit behind that would limit nobody;
3. replies, and errors about what we sent (`related`) pass;
4. the ICMP types without which IP doesn't work pass (RFC 4890: packet-too-big, neighbour discovery and their like),
   also where connection tracking knows nothing of the packet that they are about (sent past it by AF_XDP, say); only
   then what belongs to no connection is dropped; DHCPv6 replies, which no connection announces, pass;
5. management and services pass, from their sources;
6. the rest is told, not too often, counted, and dropped by the policy.

Each rule has a comment with the digest of its text, by which host/firewall.py knows it again in what nft lists. So
rules are written in the few forms that host/firewall_rule.py reads, and a list of ports, interfaces or ICMP types is
as many rules: a set of a rule's own (`dport { 22, 2222 }`) is listed in another form by each version of nft.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from nodeagent.model.firewall_change import (
    FAMILY,
    ORIGIN,
    TABLE,
    FirewallTable,
    address_ranges,
    chain_line,
    rule_comment,
    seal,
    set_line,
)
from nodeagent.tune.packets.settings import ANY, FirewallSettings, Network, Service, networks, port_ranges

_FORGET_SECONDS = 60
_ICMP4 = ("destination-unreachable", "time-exceeded", "parameter-problem")
_ICMP6 = (
    *("destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"),
    *("nd-router-solicit", "nd-router-advert", "nd-neighbor-solicit", "nd-neighbor-advert", "mld-listener-query"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    label: str
    text: str

    @property
    def comment(self) -> str:
        return rule_comment(self.label, self.text)

    def __str__(self) -> str:
        return f'\t\t{self.text} comment "{self.comment}"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    """Networks that are given, or sources that the kernel learns (`size` of them at most)."""

    name: str
    version: int
    members: tuple[Network, ...] = ()
    size: int = 0

    @property
    def type(self) -> str:
        return f"ipv{self.version}_addr"

    def line(self) -> str:
        return set_line(
            name=self.name,
            type=self.type,
            flags=["timeout"] if self.size else ["interval"],
            size=self.size,
            timeout_seconds=_FORGET_SECONDS if self.size else 0,
            ranges=address_ranges((int(network[0]), int(network[-1])) for network in self.members),
        )

    def __str__(self) -> str:
        if self.size:
            body = f"size {self.size}; flags dynamic,timeout; timeout {_FORGET_SECONDS}s;"
        else:
            body = f"flags interval; elements = {{ {', '.join(map(str, self.members))} }}"
        return f"\tset {self.name} {{ type {self.type}; {body} }}\n"


def make_table(settings: FirewallSettings, interfaces: Mapping[str, tuple[str, ...]]) -> FirewallTable:
    """The table; `interfaces` names those of each service that is bound to a port of the host."""
    rules = tuple(_rules(settings, interfaces))
    sets = tuple(_sets(settings))
    chains = (
        chain_line(name="input", type="filter", hook="input", priority=0, policy="drop"),
        chain_line(name=ORIGIN),
    )
    sealed = seal(chains=chains, sets=[item.line() for item in sets], rules=[f"input {rule.comment}" for rule in rules])
    text = (
        f"table {FAMILY} {TABLE} {{\n"
        + "".join(map(str, sets))
        + "\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n"
        + "".join(map(str, rules))
        + f'\t}}\n\tchain {ORIGIN} {{\n\t\treturn comment "{sealed}"\n\t}}\n}}\n'
    )
    return FirewallTable(text=text, state=sealed)


def _sets(settings: FirewallSettings) -> Iterator[_Set]:
    named = [("management", settings.management.sources), *((item.name, item.sources) for item in settings.services)]
    for name, sources in named:
        for version in (4, 6):
            members = networks(sources, version=version)
            if members and ANY not in sources:
                yield _Set(name=_from(name, version), version=version, members=members)
    for service in settings.services:
        for protocol, version in _limited(service):
            name = _met(service, protocol, version)
            yield _Set(name=name, version=version, size=settings.sources_remembered)


def _rules(settings: FirewallSettings, interfaces: Mapping[str, tuple[str, ...]]) -> Iterator[_Rule]:
    yield _Rule(label="loopback", text='iif "lo" accept')
    for service in settings.services:
        yield from _limits(service, _scopes(interfaces.get(service.name)))
    yield _Rule(label="replies", text="ct state established,related accept")
    yield from _needed()
    yield _Rule(label="no connection", text="ct state invalid drop")
    if settings.ping:
        yield _Rule(label="ping", text="icmp type echo-request limit rate 50/second burst 50 packets accept")
        yield _Rule(label="ping", text="icmpv6 type echo-request limit rate 50/second burst 50 packets accept")
    yield _Rule(label="DHCPv6 replies", text="ip6 saddr fe80::/10 udp dport 546 accept")
    management = settings.management
    yield from _openings("management", "tcp", management.ports, management.sources, scopes=("",))
    for service in settings.services:
        scopes = _scopes(interfaces.get(service.name))
        for protocol in service.protocol.each:
            yield from _openings(service.name, protocol, service.ports, service.sources, scopes=scopes)
    if settings.log_per_minute:
        rate = f"limit rate {settings.log_per_minute}/minute burst 5 packets"
        yield _Rule(label="told", text=f'{rate} log prefix "nodeagent drops: "')
    yield _Rule(label="dropped", text="counter drop")


def _needed() -> Iterator[_Rule]:
    for protocol, types in (("icmp", _ICMP4), ("icmpv6", _ICMP6)):
        for name in types:
            yield _Rule(label="IP needs it", text=f"{protocol} type {name} accept")


def _limits(service: Service, scopes: tuple[str, ...]) -> Iterator[_Rule]:
    for protocol, version in _limited(service):
        rate, address = service.limit(protocol), _saddr(version)
        where = f"{address} @{_from(service.name, version)} " if ANY not in service.sources else ""
        new = "ct state new " if protocol == "tcp" else ""
        meter = f"update @{_met(service, protocol, version)} {{ {address} limit rate over {rate}/second"
        for scope, ports in product(scopes, _ports(service.ports)):
            yield _Rule(
                label=f"{service.name} {protocol} ipv{version} limit",
                text=f"{scope}{where}{new}{protocol} dport {ports} {meter} burst {rate} packets }} counter drop",
            )


def _openings(
    name: str, protocol: str, ports: str, sources: tuple[str, ...], *, scopes: tuple[str, ...]
) -> Iterator[_Rule]:
    wheres = {"": ""}
    if ANY not in sources:
        versions = [version for version in (4, 6) if networks(sources, version=version)]
        wheres = {f" ipv{version}": f"{_saddr(version)} @{_from(name, version)} " for version in versions}
    for scope, (family, where), some in product(scopes, wheres.items(), _ports(ports)):
        yield _Rule(label=f"{name} {protocol}{family}", text=f"{scope}{where}{protocol} dport {some} accept")


def _limited(service: Service) -> Iterator[tuple[str, int]]:
    for protocol in service.protocol.each:
        for version in (4, 6):
            if service.limit(protocol) is not None and networks(service.sources, version=version):
                yield protocol, version


def _scopes(names: tuple[str, ...] | None) -> tuple[str, ...]:
    """The beginning of a rule for each interface that a service is bound to; one of no words for every interface."""
    return ("",) if names is None else tuple(f"iifname {_quoted(name)} " for name in names)


def _quoted(name: str) -> str:
    """The kernel lets no slash and no white space into a name, but nothing else is forbidden."""
    return '"' + name.replace('"', "").replace("\\", "") + '"'


def _ports(text: str) -> tuple[str, ...]:
    return tuple(str(first) if first == last else f"{first}-{last}" for first, last in port_ranges(text))


def _saddr(version: int) -> str:
    return "ip saddr" if version == 4 else "ip6 saddr"


def _from(name: str, version: int) -> str:
    return f"from{version}_{name.replace('-', '_')}"


def _met(service: Service, protocol: str, version: int) -> str:
    return f"met{version}_{protocol}_{service.name.replace('-', '_')}"
