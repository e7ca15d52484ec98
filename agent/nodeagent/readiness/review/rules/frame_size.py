"""The frames of the private network: one size for every machine, and one that the network may carry.

Neither the API nor the provider sets an MTU. It travels in the profile that user data puts on each machine: its
tunables nic-mtu and sriov set it. Here the profiles are compared, since two sizes in one network are cheaper to find on
paper.
"""

from collections.abc import Iterator

from nodeagent.readiness.review.attributes import blocks, text
from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import Node
from nodeagent.readiness.review.user_data import profile_of

SMALLEST = 1280
LARGEST = 9216
ORDINARY = 1500
_TUNABLES = ("nic-mtu", "sriov")


def mtus_of(node: Node) -> frozenset[str]:
    """The frames that the node's own profile asks for, as written; empty where it asks for none."""
    tune = (profile_of(node) or {}).get("tune")
    entries = [entry for key in _TUNABLES for entry in blocks(tune, key)] if isinstance(tune, dict) else []
    asked = (text(entry, "mtu") or next((text(one, "value") for one in blocks(entry, "mtu")), "") for entry in entries)
    return frozenset(filter(None, asked))


def _find(situation: Situation) -> Iterator[Met]:
    asked = {node.address: sizes for node in situation.nodes if node.stays and (sizes := mtus_of(node))}
    for address, sizes in asked.items():
        for size in sorted(sizes):
            if not (size.isascii() and size.isdigit() and SMALLEST <= int(size[:9]) <= LARGEST):
                yield Met(
                    address=address,
                    message=f"its profile sets MTU {size}, wanted {SMALLEST} to {LARGEST}",
                    remedy=f"set {ORDINARY}, or 9000 for jumbo frames",
                )
    every = sorted({size for sizes in asked.values() for size in sizes})
    if len(every) > 1:
        yield Met(
            address="",
            message=f"the profiles set different MTUs: {', '.join(every)}. What the other end can't take is lost",
            remedy="set one MTU on every port of the private network",
        )


FRAME_SIZE = Rule(
    id="NR-NET-006",
    name="frame-size",
    summary="The private network has one MTU, and one that it can carry",
    severity=Severity.ERROR,
    find=_find,
)
