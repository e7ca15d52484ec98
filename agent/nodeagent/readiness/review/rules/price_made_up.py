"""A price that was made up for rehearsals, because no public list has the plan: no budget can rest on it."""

from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation


def _find(situation: Situation) -> Iterator[Met]:
    slugs = sorted({line.item for line in situation.estimate.lines if line.made_up and line.after_eur})
    if slugs:
        yield Met(
            address="",
            message=f"made-up prices: {', '.join(slugs)}. Public lists don't have these plans",
            remedy="ask for a quote, save `GET /v1/plans` of your team as a file, and give it with --prices",
        )


PRICE_MADE_UP = Rule(
    id="NR-COST-003",
    name="price-made-up",
    summary="Every price was seen, none made up for a rehearsal",
    severity=Severity.NOTE,
    in_production=Severity.ERROR,
    find=_find,
)
