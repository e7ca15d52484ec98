"""What a server costs: the price of its cycle, and what has run up since it was made."""

import math
from typing import Any

_UNITS = {
    "hourly": ("Hourly", "Hours", 3_600.0),
    "monthly": ("Monthly", "Months", 730 * 3_600.0),
    "quarterly": ("Quarterly", "Quarters", 3 * 730 * 3_600.0),
    "semiannually": ("Semiannually", "Half years", 6 * 730 * 3_600.0),
    "annually": ("Annually", "Years", 12 * 730 * 3_600.0),
}
_SPOT = "Spot hourly"


def price_of(plan: dict[str, Any], *, cycle: str, spot: bool) -> dict[str, Any] | None:
    """The entry of a plan's price list; None where it is not sold so. A spot machine is paid by the hour."""
    if spot and cycle != "hourly":
        return None
    unit = _SPOT if spot else _UNITS[cycle][0] if cycle in _UNITS else ""
    return next((one for one in plan["pricing"] if one["unit"] == unit), None)


def bill(plan: dict[str, Any], *, cycle: str, spot: bool, age_seconds: float) -> dict[str, Any]:
    """A server's `pricing` as the API shows it: begun units count as whole ones, and no tax is added."""
    entry = price_of(plan, cycle=cycle, spot=spot)
    if entry is None:
        raise KeyError(f"{plan['slug']} has no price for {cycle}")
    _, unit, seconds = _UNITS[cycle]
    quantity = max(1, math.ceil(age_seconds / seconds))
    total = round(entry["price"] * quantity, 2)
    return {
        "id": entry["id"],
        "currency": entry["currency"],
        "unit": unit,
        "unit_price": entry["price"],
        "discount": 0.0,
        "discount_percentage": False,
        "price_subtotal": total,
        "taxed": entry["taxed"],
        "price_total": total,
        "price": total,
        "quantity": quantity,
        "billable_amount": total,
    }
