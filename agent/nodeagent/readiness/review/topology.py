"""What the plan builds, counted: machines by role, their regions, and the frames of their private network."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from nodeagent.readiness.review.finding import Situation
from nodeagent.readiness.review.node import addresses_of
from nodeagent.readiness.review.rules.frame_size import ORDINARY, mtus_of

NO_ROLE = "no role"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """What stands once the plan is applied. `private_networks` is empty until the API has told them."""

    roles: Mapping[str, int]
    regions: tuple[str, ...]
    hostnames: tuple[str, ...]
    private_networks: tuple[str, ...]
    mtu: str


def topology_of(situation: Situation) -> Topology:
    staying = [node for node in situation.nodes if node.stays]
    mtus = sorted({size for node in staying for size in mtus_of(node)})
    return Topology(
        roles=dict(sorted(Counter(node.role or NO_ROLE for node in staying).items())),
        regions=tuple(sorted({node.region for node in staying if node.region})),
        hostnames=tuple(sorted(node.hostname for node in staying if node.hostname)),
        private_networks=tuple(
            sorted({cidr for node in staying for _, cidr in addresses_of(node, "private-ip") if cidr})
        ),
        mtu=", ".join(mtus) or str(ORDINARY),
    )
