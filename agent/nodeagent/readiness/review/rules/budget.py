"""More than the stage may cost a month."""

from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.money import shown


def _find(situation: Situation) -> Iterator[Met]:
    after, budget = situation.estimate.after_eur, situation.budget_eur
    if after > budget:
        yield Met(
            address="",
            message=f"{shown(after)} EUR a month, {shown(after - budget)} more than the {shown(budget)} EUR of stage "
            f"{situation.stage.name}",
            remedy="take smaller plans or a longer cycle, or have a higher budget approved and give it with --budget",
        )


BUDGET = Rule(
    id="NR-COST-001",
    name="budget",
    summary="The plan costs no more a month than the stage may",
    severity=Severity.ERROR,
    find=_find,
)
