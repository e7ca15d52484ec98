"""A spot machine can be taken back at any time, with everything on its drives."""

from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation


def _find(situation: Situation) -> Iterator[Met]:
    for node in situation.nodes:
        if node.spot and node.stays and not situation.stage.runs_per_month:
            yield Met(
                address=node.address,
                message="it is a spot machine: the seller may take it back without notice",
                remedy="set spot_instance = false (this replaces a server that exists)",
            )


SPOT_IN_PRODUCTION = Rule(
    id="NR-POLICY-009",
    name="spot-in-production",
    summary="No machine that stays is a spot machine",
    severity=Severity.WARNING,
    in_production=Severity.ERROR,
    find=_find,
)
