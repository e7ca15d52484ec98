"""A region by a name that Cherry Servers doesn't use any more. The API would refuse it only when the apply runs."""

from collections.abc import Iterator

from nodeagent.readiness.review.attributes import text
from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import REGION_NAMES, Cloud


def _find(situation: Situation) -> Iterator[Met]:
    for node in situation.nodes:
        written = text(node.values, "region")
        if node.cloud is Cloud.CHERRY and node.stays and written in REGION_NAMES:
            today = REGION_NAMES[written]
            yield Met(address=node.address, message=f"{written} is today's {today}", remedy=f'set region = "{today}"')


REGION_NAME = Rule(
    id="NR-NET-003",
    name="region-name",
    summary="Regions go by the names that the API knows",
    severity=Severity.ERROR,
    find=_find,
)
