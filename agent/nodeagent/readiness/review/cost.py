"""What a plan costs a month, resource by resource, before and after, without ever taking an unknown price for nothing.

Everything is counted in euros without value added tax and shown as asked. A machine that Terraform creates costs its
price after, one that it deletes its price before, and the difference is what the bill changes by.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from nodeagent.readiness.review.attributes import Values, blocks, flag, text, whole_number
from nodeagent.readiness.review.money import Currency, Money
from nodeagent.readiness.review.node import Cloud, Node, spot_limit
from nodeagent.readiness.review.plan import Fate, Plan, ResourceChange, unknown
from nodeagent.readiness.review.prices import HOURS_PER_MONTH, Price, PricedPlan, PriceList, Unit
from nodeagent.readiness.review.stage import Stage

_CYCLES = {
    "": Unit.HOURLY,  # the API's default
    "hourly": Unit.HOURLY,
    "monthly": Unit.MONTHLY,
    "quarterly": Unit.QUARTERLY,
    "semiannually": Unit.SEMIANNUALLY,
    "annually": Unit.ANNUALLY,
}

FREE = frozenset({"cherryservers_project", "cherryservers_ssh_key", "terraform_data", "null_resource"})
"""Resource types that no bill knows; those of AWS stand in its price list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """`vat_percent` is the tax inside prices that say they are taxed; `with_vat` shows amounts with it."""

    usd_per_eur: Decimal
    vat_percent: Decimal
    with_vat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How long machines of a stage live a month: `hours` of 730 for those that a test starts."""

    runs_per_month: int
    hours_per_run: int

    @property
    def hours(self) -> Decimal:
        return Decimal(self.runs_per_month * self.hours_per_run) or Decimal(HOURS_PER_MONTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One resource on the bill, in euros a month; None where the price isn't known.

    `unit_price` is as listed; `quantity` how many units a month holds.
    """

    address: str
    fate: Fate
    item: str
    region: str
    unit: Unit
    unit_price: Price | None
    quantity: Decimal
    before_eur: Decimal | None
    after_eur: Decimal | None
    note: str = ""
    source: str = ""
    made_up: bool = False

    @property
    def known(self) -> bool:
        return self.before_eur is not None and self.after_eur is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The bill of a month. The sums hold the known prices; `unknown` names every resource that they lack."""

    lines: tuple[Line, ...]
    rates: Rates
    usage: Usage

    @property
    def before_eur(self) -> Decimal:
        return sum((line.before_eur or Decimal(0) for line in self.lines), Decimal(0))

    @property
    def after_eur(self) -> Decimal:
        return sum((line.after_eur or Decimal(0) for line in self.lines), Decimal(0))

    @property
    def delta_eur(self) -> Decimal:
        return self.after_eur - self.before_eur

    @property
    def unknown(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if not line.known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """The price lists of both clouds with the rates that go with them."""

    cherry: PriceList
    aws: PriceList
    rates: Rates

    def plan(self, cloud: Cloud, size: str) -> PricedPlan | None:
        return (self.cherry if cloud is Cloud.CHERRY else self.aws).plans.get(size)

    def eur(self, price: Price) -> Decimal:
        """The price in euros, without or with tax as the rates say."""
        amount = price.money.in_eur(usd_per_eur=self.rates.usd_per_eur)
        factor = 1 + self.rates.vat_percent / 100
        net = amount / factor if price.taxed else amount
        return net * factor if self.rates.with_vat else net


def estimate(plan: Plan, nodes: tuple[Node, ...], tariff: Tariff, *, usage: Usage) -> Estimate:
    """The bill of a plan: its machines, then whatever else costs or may cost."""
    lines = [line for node in nodes for line in (_machine(node, tariff, usage), *_volumes(node, tariff, usage))]
    machines = {node.address for node in nodes}
    lines += [
        line for resource in plan.managed() if resource.address not in machines for line in _other(resource, tariff)
    ]
    return Estimate(lines=tuple(lines), rates=tariff.rates, usage=usage)


def usage_of(stage: Stage, plan: Plan) -> Usage:
    """As the plan's own variables `runs_per_month` and `hours_per_run` say, or as the stage does."""
    given: Values = {name: plan.variable(name) for name in ("runs_per_month", "hours_per_run")}
    runs, hours = whole_number(given, "runs_per_month"), whole_number(given, "hours_per_run")
    if not stage.runs_per_month or not runs or not hours or runs < 0 or hours < 0:
        return Usage(runs_per_month=stage.runs_per_month, hours_per_run=stage.hours_per_run)
    return Usage(runs_per_month=runs, hours_per_run=hours)


def unit_of(cloud: Cloud, values: Values) -> Unit:
    """In which unit a machine is paid; spot machines of AWS by their ordinary price, which is the upper bound."""
    if cloud is Cloud.AWS:
        return Unit.HOURLY
    if flag(values, "spot_instance"):
        return Unit.SPOT_HOURLY
    return _CYCLES.get(text(values, "cycle"), Unit.HOURLY)


def _machine(node: Node, tariff: Tariff, usage: Usage) -> Line:
    change = node.resource.change
    hours = usage.hours if node.cloud is Cloud.AWS else Decimal(HOURS_PER_MONTH)
    shown = _charge(node.values, node.cloud, tariff, hours)
    goes = change.after is None or node.fate is Fate.FORGET
    return Line(
        address=node.address,
        fate=node.fate,
        item=node.size or "known after apply",
        region=node.region,
        unit=shown.unit,
        unit_price=shown.price,
        quantity=shown.quantity,
        before_eur=_charge(change.before, node.cloud, tariff, hours).eur if change.before is not None else Decimal(0),
        after_eur=Decimal(0) if goes else shown.eur,
        note=_note(node, shown),
        source=shown.plan.source if shown.plan else "",
        made_up=shown.plan is not None and shown.plan.made_up,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Charge:
    """What a machine with certain attributes is charged: euros a month, None where a price is missing."""

    unit: Unit
    quantity: Decimal
    plan: PricedPlan | None
    price: Price | None
    eur: Decimal | None


def _charge(values: Values, cloud: Cloud, tariff: Tariff, hours: Decimal) -> _Charge:
    unit = unit_of(cloud, values)
    plan = tariff.plan(cloud, text(values, "plan" if cloud is Cloud.CHERRY else "instance_type"))
    price = plan.prices.get(unit) if plan else None
    if cloud is Cloud.AWS:
        price = _limited(price, spot_limit(values))
    quantity = hours if unit in (Unit.HOURLY, Unit.SPOT_HOURLY) else unit.per_month
    eur = tariff.eur(price) * quantity if price else None
    return _Charge(unit=unit, quantity=quantity, plan=plan, price=price, eur=eur)


def _limited(listed: Price | None, limit: str) -> Price | None:
    """The lower of the listed price and what a spot request allows: a spot machine never costs more than either."""
    try:
        most = Decimal(limit)
    except InvalidOperation:
        return listed
    if not most.is_finite() or most <= 0 or (listed is not None and listed.money.amount <= most):
        return listed
    return Price(unit=Unit.HOURLY, money=Money(amount=most, currency=Currency.USD), taxed=False)


def _note(node: Node, charge: _Charge) -> str:
    if not node.size:
        return "what it is to be is known after apply"
    if charge.plan is None and charge.price is None:
        return "not in the price list"
    if charge.price is None:
        return f"the price list has no {charge.unit.value.lower()} price"
    if node.cloud is Cloud.AWS and node.spot:
        return "spot: at most this"
    return "made up" if charge.plan is not None and charge.plan.made_up else ""


def _volumes(node: Node, tariff: Tariff, usage: Usage) -> Iterator[Line]:
    """The drives of AWS that are billed beside their machine, for as long as that lives."""
    change = node.resource.change
    for key in ("root_block_device", "ebs_block_device") if node.cloud is Cloud.AWS else ():
        for drive in blocks(node.values, key):
            kind, gigabytes = text(drive, "volume_type"), whole_number(drive, "volume_size")
            listed = tariff.aws.volumes.get(kind)
            price = Price(unit=Unit.MONTHLY, money=listed, taxed=False) if listed and gigabytes else None
            quantity = Decimal(max(gigabytes or 0, 0)) * usage.hours / HOURS_PER_MONTH
            eur = tariff.eur(price) * quantity if price else None
            yield Line(
                address=f"{node.address}.{key}",
                fate=node.fate,
                item=f"{kind or 'volume'} of {gigabytes or 'unknown'} GB",
                region=node.region,
                unit=Unit.MONTHLY,
                unit_price=price,
                quantity=quantity,
                before_eur=Decimal(0) if change.before is None else eur,
                after_eur=eur if node.stays else Decimal(0),
                note="" if price else "no price is known for such a volume",
            )


def _other(resource: ResourceChange, tariff: Tariff) -> Iterator[Line]:
    """A resource that is no machine: nothing where it is free, unknown where nobody told us what it costs."""
    change = resource.change
    if resource.type in FREE | tariff.aws.free:
        return
    values = change.after or change.before or {}
    yield Line(
        address=resource.address,
        fate=change.fate,
        item=resource.type,
        region=text(values, "region"),
        unit=Unit.MONTHLY,
        unit_price=None,
        quantity=Decimal(1),
        before_eur=Decimal(0) if change.before is None else None,
        after_eur=Decimal(0) if change.after is None else None,
        note="known after apply" if unknown(resource, "type") else "no price is known for this type",
    )
