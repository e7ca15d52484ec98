"""Machines of one cluster in several regions: the private network doesn't reach from one to the other."""

from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import Cloud


def _find(situation: Situation) -> Iterator[Met]:
    for cloud in Cloud:
        nodes = [node for node in situation.nodes if node.cloud is cloud and node.stays and node.region]
        regions = sorted({node.region for node in nodes})
        if len(regions) > 1:
            where = "; ".join(
                f"{region}: {', '.join(node.hostname or node.address for node in nodes if node.region == region)}"
                for region in regions
            )
            yield Met(address="", message=f"{len(regions)} regions ({where})", remedy="put them all into one region")


ONE_REGION = Rule(
    id="NR-NET-002",
    name="one-region",
    summary="All machines of a cloud are in one region",
    severity=Severity.ERROR,
    find=_find,
)
