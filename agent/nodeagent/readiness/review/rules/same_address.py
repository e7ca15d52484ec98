"""Addresses and networks that overlap: two machines with one address, or a network that hides another.

At Cherry Servers the private network comes with the project and its addresses are known after apply, so a first plan
has none to compare; later plans have.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import combinations

from nodeagent.readiness.review.attributes import text
from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import addresses_of


def _find(situation: Situation) -> Iterator[Met]:
    yield from _twice(situation)
    private = {
        network: node.address
        for node in situation.nodes
        if node.stays
        for _, cidr in addresses_of(node, "private-ip")
        if (network := _network(cidr)) is not None
    }
    subnets = [
        (resource.address, network)
        for resource in situation.plan.managed("aws_subnet")
        if (network := _network(text(resource.change.after or {}, "cidr_block"))) is not None
    ]
    places = [*subnets, *((address, network) for network, address in private.items())]
    for (first, one), (second, other) in combinations(places, 2):
        if one.version == other.version and one.overlaps(other):
            yield Met(
                address=second,
                message=f"its network {other} overlaps with {one} of {first}",
                remedy="choose networks that don't overlap",
            )


def _twice(situation: Situation) -> Iterator[Met]:
    seen: dict[str, str] = {}
    for node in situation.nodes:
        for kind in ("private-ip", "primary-ip") if node.stays else ():
            for address, _ in addresses_of(node, kind):
                if address and seen.setdefault(address, node.address) != node.address:
                    yield Met(
                        address=node.address,
                        message=f"{address} is also the address of {seen[address]}",
                        remedy="refresh the state (terraform plan -refresh-only) and see the console",
                    )


def _network(cidr: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(cidr, strict=False)
    except ValueError:
        return None


SAME_ADDRESS = Rule(
    id="NR-NET-005",
    name="same-address",
    summary="No address is given twice and no network overlaps another",
    severity=Severity.ERROR,
    find=_find,
)
