"""The review as JSON values: the record. Amounts are euros as decimal texts, so that no reader rounds them."""

from dataclasses import asdict

from nodeagent.readiness.review.cost import Line
from nodeagent.readiness.review.money import cents
from nodeagent.readiness.review.review import Review


def as_document(review: Review) -> dict[str, object]:
    """Keys `decision`, `stage`, `cost`, `topology`, `findings`; `month_eur` null where a price isn't known."""
    bill = review.estimate
    return {
        "decision": review.decision.value,
        "stage": review.stage.name,
        "terraform_version": review.terraform_version,
        "plan_made": review.plan_made,
        "cost": {
            "currency": "EUR",
            "with_vat": bill.rates.with_vat,
            "vat_percent": str(bill.rates.vat_percent),
            "usd_per_eur": str(bill.rates.usd_per_eur),
            "prices": review.prices,
            "prices_as_of": review.prices_as_of,
            "runs_per_month": bill.usage.runs_per_month,
            "hours_per_run": bill.usage.hours_per_run,
            "billed": review.stage.billed,
            "budget_eur": str(cents(review.budget_eur)),
            "month_before_eur": str(cents(bill.before_eur)),
            "month_eur": str(cents(bill.after_eur)),
            "delta_eur": str(cents(bill.delta_eur)),
            "unknown": [line.address for line in bill.unknown],
            "lines": [_line(line) for line in bill.lines],
        },
        "topology": asdict(review.topology),
        "findings": [asdict(finding) for finding in review.findings],
    }


def _line(line: Line) -> dict[str, object]:
    price = line.unit_price
    return {
        "address": line.address,
        "fate": line.fate.value,
        "item": line.item,
        "region": line.region,
        "unit": line.unit.value,
        "unit_price": str(price.money.amount) if price else None,
        "currency": price.money.currency.value if price else None,
        "quantity": str(cents(line.quantity)),
        "month_before_eur": None if line.before_eur is None else str(cents(line.before_eur)),
        "month_eur": None if line.after_eur is None else str(cents(line.after_eur)),
        "note": line.note,
        "source": line.source,
        "made_up": line.made_up,
    }
