"""Dated price lists: Cherry Servers' plans in the shape of `GET /v1/plans`, AWS instances in dollars an hour.

A price list is a record, not a guess: it carries its date, the exchange rate and the tax rate that go with it, and says
of every plan whether its price was seen, and where (`provenance`). A bare answer of `GET /v1/plans` is a price list
too: what the API itself says was seen, but it lacks a date, which is told, and rates, which the shipped list has.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path

from nodeagent.model.errors import NodeagentError
from nodeagent.readiness.review.attributes import Values, blocks, flag, text
from nodeagent.readiness.review.money import Currency, Money

SHIPPED = Path(__file__).parents[1] / "prices"
CHERRY_FILE = SHIPPED / "cherry-2026-11.json"
AWS_FILE = SHIPPED / "aws-2026-11.json"

HOURS_PER_MONTH = 730
"""365 days of 24 hours, a twelfth of it; what both clouds use for their own estimates."""


class Unit(StrEnum):
    """The billing cycles of Cherry Servers, as its prices name them."""

    HOURLY = "Hourly"
    MONTHLY = "Monthly"
    QUARTERLY = "Quarterly"
    SEMIANNUALLY = "Semiannually"
    ANNUALLY = "Annually"
    SPOT_HOURLY = "Spot hourly"

    @property
    def per_month(self) -> Decimal:
        """How many of this unit a month holds."""
        return _PER_MONTH[self]


_UNITS = frozenset(unit.value for unit in Unit)
_CURRENCIES = frozenset(currency.value for currency in Currency)
_PER_MONTH = {
    Unit.HOURLY: Decimal(HOURS_PER_MONTH),
    Unit.MONTHLY: Decimal(1),
    Unit.QUARTERLY: Decimal(1) / 3,
    Unit.SEMIANNUALLY: Decimal(1) / 6,
    Unit.ANNUALLY: Decimal(1) / 12,
    Unit.SPOT_HOURLY: Decimal(HOURS_PER_MONTH),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one unit of time costs. `taxed` prices hold value added tax already."""

    unit: Unit
    money: Money
    taxed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedPlan:
    """A machine that can be bought: its prices by unit, and where they were seen, unless they are made up."""

    slug: str
    prices: Mapping[Unit, Price]
    source: str
    made_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """`dated` is None for a list that doesn't say; `name` is its file's. `volumes` cost that for a GB and month."""

    name: str
    dated: date | None
    plans: Mapping[str, PricedPlan]
    usd_per_eur: Decimal | None = None
    vat_percent: Decimal | None = None
    free: frozenset[str] = field(default_factory=frozenset)
    volumes: Mapping[str, Money] = field(default_factory=dict)


def parse_prices(content: str | bytes, *, name: str) -> PriceList:
    """A price list of Cherry Servers; NodeagentError where a price is none, or nothing is priced."""
    document = _document(content, name)
    rows = document if isinstance(document, list) else list(blocks(document, "plans"))
    plans = {slug: _plan(row, slug, name) for row in rows if isinstance(row, dict) and (slug := text(row, "slug"))}
    return _list(name, {} if isinstance(document, list) else document, plans)


def parse_aws_prices(content: str | bytes, *, name: str) -> PriceList:
    """A price list of AWS instances: `{"as_of", "instances": [{"type", "hourly", "source"}], "volumes", "free"}`."""
    document = _document(content, name)
    if isinstance(document, list):
        raise _wrong(name, "wanted an object with `instances`, got a list")
    plans = {}
    for row in blocks(document, "instances"):
        money = Money(amount=_decimal(row.get("hourly"), f"{name}: volumes"), currency=Currency.USD)
        price = Price(unit=Unit.HOURLY, money=money, taxed=False)
        plans[text(row, "type")] = PricedPlan(
            slug=text(row, "type"), prices={Unit.HOURLY: price}, source=text(row, "source")
        )
    volumes = {
        text(row, "type"): Money(amount=_decimal(row.get("gb_month"), f"{name}: volumes"), currency=Currency.USD)
        for row in blocks(document, "volumes")
    }
    return replace(_list(name, document, plans), volumes=volumes)


def _list(name: str, head: Values, plans: dict[str, PricedPlan]) -> PriceList:
    if not plans:
        raise _wrong(name, "no plan in it has a slug and prices")
    free = head.get("free")
    return PriceList(
        name=name,
        dated=_date(head, name),
        plans=plans,
        usd_per_eur=_optional(head, "usd_per_eur", name),
        vat_percent=_optional(head, "vat_percent", name),
        free=frozenset(item for item in free if isinstance(item, str)) if isinstance(free, list) else frozenset(),
    )


def _plan(row: Values, slug: str, name: str) -> PricedPlan:
    prices = {}
    for entry in blocks(row, "pricing"):
        unit, currency = text(entry, "unit"), text(entry, "currency")
        if unit not in _UNITS:
            continue  # a cycle that we don't know is not used for an estimate, and then told as missing
        if currency not in _CURRENCIES:
            raise _wrong(name, f"{slug}: currency {currency!r}, wanted one of {', '.join(Currency)}")
        money = Money(amount=_decimal(entry.get("price"), f"{name}: {slug}"), currency=Currency(currency))
        prices[Unit(unit)] = Price(unit=Unit(unit), money=money, taxed=flag(entry, "taxed"))
    told = next(blocks(row, "provenance"), {})
    return PricedPlan(slug=slug, prices=prices, source=text(told, "source"), made_up=told.get("seen") is False)


def _document(content: str | bytes, name: str) -> Values | list[object]:
    try:
        document: object = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise _wrong(name, f"not JSON: {error}") from error
    if isinstance(document, dict | list):
        return document
    raise _wrong(name, "wanted an object or a list")


def _date(head: Values, name: str) -> date | None:
    if not (written := text(head, "as_of")):
        return None
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise _wrong(name, f"as_of {written!r}, wanted YYYY-MM-DD") from error


def _optional(head: Values, key: str, name: str) -> Decimal | None:
    return _decimal(head[key], f"{name}: {key}") if key in head else None


def _decimal(value: object, where: str) -> Decimal:
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        number = Decimal(value)
    elif isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation as error:
            raise _wrong(where, f"{value!r} is no number") from error
    else:
        raise _wrong(where, f"{value!r} is no number")
    if not number.is_finite() or number < 0 or number > 1_000_000:
        raise _wrong(where, f"{value!r} is no price")
    return number


def _wrong(where: str, what: str) -> NodeagentError:
    return NodeagentError(
        f"price list {where}: {what}",
        remedy="get the current one: curl -s https://api.cherryservers.com/v1/plans > plans.json",
    )
