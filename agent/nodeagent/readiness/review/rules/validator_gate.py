"""The validator is the machine that costs most: it is bought once the control plane stands and has passed its gate."""

from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.plan import Fate
from nodeagent.readiness.review.stage import CONTROL_PLANE, VALIDATOR

_NEW = (Fate.CREATE, Fate.REPLACE)


def _find(situation: Situation) -> Iterator[Met]:
    fresh = [node for node in situation.nodes if node.role == CONTROL_PLANE and node.fate in _NEW]
    for node in situation.nodes:
        if node.role == VALIDATOR and node.fate in _NEW and fresh:
            yield Met(
                address=node.address,
                message=f"it is created together with {len(fresh)} control-plane machines, before anything was learnt "
                "from them",
                remedy="apply the control plane first, hold it against its gate (nodeagent report), then the validator",
            )


VALIDATOR_GATE = Rule(
    id="NR-NET-008",
    name="validator-gate",
    summary="The validator comes after the control plane",
    severity=Severity.NOTE,
    in_production=Severity.ERROR,
    find=_find,
)
