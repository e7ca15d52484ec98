"""Amounts of money: exact decimals, always with their currency, and one explicit rate between the two we meet."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

CENT = Decimal("0.01")


class Currency(StrEnum):
    """Cherry Servers bills in euros (dollars for some accounts), AWS in dollars."""

    EUR = "EUR"
    USD = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in one currency."""

    amount: Decimal
    currency: Currency

    def in_eur(self, *, usd_per_eur: Decimal) -> Decimal:
        return self.amount if self.currency is Currency.EUR else self.amount / usd_per_eur


def cents(amount: Decimal) -> Decimal:
    """Rounded half up to the cent, as bills are; only for what is shown."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def shown(amount: Decimal, *, signed: bool = False) -> str:
    """`1,234.50`; with `signed`, `+1,234.50`."""
    return f"{cents(amount):{'+' if signed else ''},}"
