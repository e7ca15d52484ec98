"""What a deployment really costs and how much traffic it makes, beside what was estimated.

The API tells the price of one unit of time for each server; a month is that many units. The estimate is the price list
of the review for the same plan and cycle. Egress is metered for a project: what its servers' plans include is one pool.

Prices are compared as listed, in the currency of each, so that no exchange rate hides a difference.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from nodeagent.cherry.account import Project
from nodeagent.cherry.api import Api
from nodeagent.cherry.server import Server, servers_of
from nodeagent.readiness.review.prices import Price, PriceList, Unit

TERABYTE = 10**12
_UNITS = {
    "Hours": Unit.HOURLY,
    "Hourly": Unit.HOURLY,
    "Months": Unit.MONTHLY,
    "Monthly": Unit.MONTHLY,
    "Quarterly": Unit.QUARTERLY,
    "Semiannually": Unit.SEMIANNUALLY,
    "Annually": Unit.ANNUALLY,
    "Spot hourly": Unit.SPOT_HOURLY,
}
"""A bill says "Hours" where a price list says "Hourly"."""

TOLERANCE = Decimal("0.01")
"""A hundredth. Bills may round the price of a unit to the cent, which is more of a small machine: see Bill.differs."""

_HALF_A_CENT = Decimal("0.005")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """One server: a month as billed and as estimated; None where the API or the price list doesn't tell.

    `units` is how many units of time a month holds, by which a rounded price is wrong.
    """

    server: Server
    month: Decimal | None
    estimate: Decimal | None
    currency: str
    units: Decimal

    @property
    def differs(self) -> bool:
        if self.month is None or self.estimate is None:
            return True
        return abs(self.month - self.estimate) > max(self.estimate * TOLERANCE, _HALF_A_CENT * self.units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """All servers of the deployment. `included_bytes` is None where a plan doesn't say what it includes."""

    deployment_id: str
    bills: tuple[Bill, ...]
    traffic_bytes: int
    included_bytes: int | None

    @property
    def totals(self) -> dict[str, Decimal]:
        """The known months by currency."""
        found: dict[str, Decimal] = {}
        for bill in self.bills:
            if bill.month is not None:
                found[bill.currency] = found.get(bill.currency, Decimal(0)) + bill.month
        return found

    @property
    def estimates(self) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for bill in self.bills:
            if bill.estimate is not None:
                found[bill.currency] = found.get(bill.currency, Decimal(0)) + bill.estimate
        return found

    @property
    def differs(self) -> bool:
        return any(bill.differs for bill in self.bills)


def costs(api: Api, projects: Sequence[Project], prices: PriceList, *, deployment_id: str) -> Costs:
    """One request a project. An empty `deployment_id` counts every server of the projects."""
    servers = [
        one
        for one in servers_of(api, projects)
        if one.billed and (not deployment_id or one.deployment == deployment_id)
    ]
    included = [_included(one.bandwidth) for one in servers]
    known = [amount for amount in included if amount is not None]
    return Costs(
        deployment_id=deployment_id,
        bills=tuple(_bill(one, prices) for one in servers),
        traffic_bytes=sum(one.traffic_bytes or 0 for one in servers),
        included_bytes=sum(known) if known and len(known) == len(included) else None,
    )


def _bill(server: Server, prices: PriceList) -> Bill:
    unit = _UNITS.get(server.unit)
    priced = prices.plans.get(server.plan)
    listed = priced.prices.get(unit) if priced and unit else None
    month = Decimal(str(server.unit_price)) * unit.per_month if unit and server.unit_price is not None else None
    return Bill(
        server=server,
        month=month,
        estimate=listed.money.amount * listed.unit.per_month if listed and _same(listed, server) else None,
        currency=server.currency,
        units=unit.per_month if unit else Decimal(0),
    )


def _same(price: Price, server: Server) -> bool:
    return price.money.currency.value == server.currency


def _included(name: str) -> int | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*TB", name.strip())
    return int(Decimal(match.group(1)) * TERABYTE) if match else None
