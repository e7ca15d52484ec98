"""Machines of one cluster that can't reach each other: in several regions, or in several private networks.

The private network of Cherry Servers belongs to a project and a region. Its addresses are known after apply, so the
first plan of a cluster tells regions only.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import Cloud, Node, addresses_of


def _find(situation: Situation) -> Iterator[Met]:
    for cloud in Cloud:
        nodes = [node for node in situation.nodes if node.cloud is cloud and node.stays]
        yield from _apart(nodes, _region, "regions", "put them all into one region")
        yield from _apart(nodes, _network, "private networks", "buy them all in one project and region")


def _apart(nodes: Iterable[Node], place_of: Callable[[Node], str], what: str, remedy: str) -> Iterator[Met]:
    places = defaultdict(list)
    for node in nodes:
        if place := place_of(node):
            places[place].append(node.hostname or node.address)
    if len(places) > 1:
        where = "; ".join(f"{place}: {', '.join(names)}" for place, names in sorted(places.items()))
        yield Met(address="", message=f"{len(places)} {what} ({where})", remedy=remedy)


def _region(node: Node) -> str:
    return node.region


def _network(node: Node) -> str:
    return next((cidr for _, cidr in addresses_of(node, "private-ip")), "")


ONE_REGION = Rule(
    id="NR-NET-002",
    name="one-region",
    summary="All machines of a cloud are in one region and one private network",
    severity=Severity.ERROR,
    find=_find,
)
