"""Too few or too many machines of a role. A cluster that is built in steps may lack its validator at first."""

from collections import Counter
from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.plan import Fate
from nodeagent.readiness.review.stage import CONTROL_PLANE, ROLES, VALIDATOR


def _find(situation: Situation) -> Iterator[Met]:
    counted = Counter(node.role for node in situation.nodes if node.stays)
    first_step = not counted[VALIDATOR] and any(
        node.role == CONTROL_PLANE and node.fate is Fate.CREATE for node in situation.nodes
    )
    for role, wanted in situation.stage.counts.items():
        got = counted[role]
        if got == wanted or (situation.stage.at_least and got > wanted):
            continue
        yield Met(
            address="",
            message=f"{got} machines of role {role}, wanted {'at least ' if situation.stage.at_least else ''}{wanted}",
            remedy=f"set how many there are to be, and the tag role of each ({' or '.join(ROLES)})",
            severity=Severity.NOTE if role == VALIDATOR and first_step else None,
        )


NODE_COUNTS = Rule(
    id="NR-NET-007",
    name="node-counts",
    summary="There are as many machines of each role as the stage needs",
    severity=Severity.ERROR,
    find=_find,
)
