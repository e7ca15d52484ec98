"""A machine that stays is paid by the hour although its plan has a cheaper price by the month."""

from collections.abc import Iterator
from decimal import Decimal

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.money import shown
from nodeagent.readiness.review.node import Cloud
from nodeagent.readiness.review.prices import HOURS_PER_MONTH, Unit


def _find(situation: Situation) -> Iterator[Met]:
    for node in situation.nodes:
        plan = situation.tariff.plan(node.cloud, node.size)
        if node.cloud is not Cloud.CHERRY or not node.stays or plan is None or node.values.get("cycle") == "monthly":
            continue
        hourly, monthly = plan.prices.get(Unit.HOURLY), plan.prices.get(Unit.MONTHLY)
        line = next((line for line in situation.estimate.lines if line.address == node.address), None)
        if hourly is None or monthly is None or line is None or line.unit is not Unit.HOURLY:
            continue
        saved = situation.tariff.eur(hourly) * HOURS_PER_MONTH - situation.tariff.eur(monthly)
        if saved > Decimal(1):
            yield Met(
                address=node.address,
                message=f"{node.size} by the hour costs {shown(saved)} EUR more than by the month, if it stays",
                remedy='set cycle = "monthly" before the server is created; changing it later replaces the server',
            )


CHEAPER_CYCLE = Rule(
    id="NR-COST-005",
    name="cheaper-cycle",
    summary="Machines that stay are paid by the cheaper cycle",
    severity=Severity.NOTE,
    in_production=Severity.WARNING,
    find=_find,
)
