"""Machines without the tags by which a bill is shared out and an orphan is found again."""

from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.plan import unknown
from nodeagent.readiness.review.stage import ROLES

REQUIRED = ("deployment", "environment", "project", "owner", "cost_center", "role")


def _find(situation: Situation) -> Iterator[Met]:
    for node in situation.nodes:
        if not node.stays:
            continue
        hidden = unknown(node.resource, "tags")
        missing = [] if hidden else [tag for tag in REQUIRED if not node.tags.get(tag, "").strip()]
        if missing:
            yield Met(
                address=node.address,
                message=f"tags missing or empty: {', '.join(missing)}",
                remedy="set them in `tags`; the cluster module fills them from its variables",
            )
        if node.role and node.role not in ROLES:
            yield Met(
                address=node.address,
                message=f"its role is {node.role!r}",
                remedy=f"use one of {', '.join(ROLES)}",
            )


MISSING_TAGS = Rule(
    id="NR-POLICY-001",
    name="missing-tags",
    summary=f"Every machine carries the tags {', '.join(REQUIRED)}",
    severity=Severity.ERROR,
    find=_find,
)
