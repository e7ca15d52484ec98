"""A price list that is old, or doesn't say how old it is."""

from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation

AGE_LIMIT_DAYS = 60


def _find(situation: Situation) -> Iterator[Met]:
    priced = {line.source for line in situation.estimate.lines if line.unit_price is not None}
    dated = situation.tariff.cherry.dated
    if not priced:
        return
    if dated is None:
        yield _met(f"{situation.tariff.cherry.name} carries no date")
    elif (age := (situation.today - dated).days) > AGE_LIMIT_DAYS:
        yield _met(f"the prices of {situation.tariff.cherry.name} are {age} days old")


def _met(message: str) -> Met:
    return Met(
        address="",
        message=message,
        remedy="get today's: curl -s https://api.cherryservers.com/v1/plans > plans.json, then --prices plans.json",
    )


PRICE_LIST_OLD = Rule(
    id="NR-COST-004",
    name="price-list-old",
    summary=f"The price list is at most {AGE_LIMIT_DAYS} days old",
    severity=Severity.WARNING,
    find=_find,
)
