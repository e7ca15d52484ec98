"""A machine with data that the plan deletes, or deletes to make it anew."""

from collections.abc import Iterator
from shlex import quote

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import Node
from nodeagent.readiness.review.plan import Fate
from nodeagent.readiness.review.stage import Stage

_WORDS = {
    Fate.DELETE: "deleted",
    Fate.REPLACE: "deleted and made anew",
    Fate.FORGET: "forgotten, and billed all the same",
}


def _find(situation: Situation) -> Iterator[Met]:
    for node in situation.nodes:
        if node.fate in _WORDS and _keeps_data(node, situation.stage):
            why = f" ({node.resource.action_reason.replace('_', ' ')})" if node.resource.action_reason else ""
            yield Met(
                address=node.address,
                message=f"{node.hostname or 'the machine'} is {_WORDS[node.fate]}{why}: its drives are lost",
                remedy="keep the attribute that forces it as it was; if it is meant, name it: "
                f"--accept {quote(f'NR-POLICY-002@{node.address}')}",
            )


def _keeps_data(node: Node, stage: Stage) -> bool:
    """Machines that a stage starts for a test and ends with it have nothing to lose."""
    return not stage.runs_per_month


STATEFUL_DESTROYED = Rule(
    id="NR-POLICY-002",
    name="stateful-destroyed",
    summary="No machine with data is deleted or replaced",
    severity=Severity.ERROR,
    find=_find,
)
