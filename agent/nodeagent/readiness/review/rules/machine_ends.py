"""A machine that a test starts and that nothing ends: forgotten, a month of it costs six times the stage.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html (shutdown behaviour).
"""

from collections.abc import Iterator

from nodeagent.readiness.review.attributes import text
from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import Cloud


def _find(situation: Situation) -> Iterator[Met]:
    for node in situation.nodes:
        if node.cloud is not Cloud.AWS or not node.stays or not situation.stage.runs_per_month:
            continue
        if text(node.values, "instance_initiated_shutdown_behavior") != "terminate":
            yield Met(
                address=node.address,
                message="a shutdown from within only stops it, so its drives go on costing and it can come back",
                remedy='set instance_initiated_shutdown_behavior = "terminate", and a timer that shuts it down',
            )


MACHINE_ENDS = Rule(
    id="NR-COST-006",
    name="machine-ends",
    summary="A machine of a test run ends for good when it shuts down",
    severity=Severity.ERROR,
    find=_find,
)
