"""A resource whose price nobody told us. It is no part of the sum, so the sum is only a lower bound."""

from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.plan import Fate

_REMEDY = "give a price list that holds it: --prices FILE (curl -s https://api.cherryservers.com/v1/plans > FILE)"


def _find(situation: Situation) -> Iterator[Met]:
    for line in situation.estimate.unknown:
        if line.fate is not Fate.KEEP:
            yield Met(address=line.address, message=f"{line.item}: {line.note or 'no price is known'}", remedy=_REMEDY)


PRICE_UNKNOWN = Rule(
    id="NR-COST-002",
    name="price-unknown",
    summary="The price of every resource is known",
    severity=Severity.WARNING,
    in_production=Severity.ERROR,
    find=_find,
)
