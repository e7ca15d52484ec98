"""Is there enough on sale for what a plan is about to buy, and does the account have the money?

An order without stock doesn't fail at once: servers have been seen to stay "creating" for twenty minutes. So the stock
of each plan in its region is asked before the apply. Plans of a team are asked where the public list has none.
"""

from collections import Counter
from dataclasses import dataclass

from nodeagent.cherry.account import Team, teams_of
from nodeagent.cherry.api import Api, CherryError, Json
from nodeagent.cherry.shape import optional_number, parts, text
from nodeagent.readiness.review.node import Cloud, nodes_of
from nodeagent.readiness.review.plan import Fate, Plan

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a Terraform plan buys of one plan in one region. A replacement counts: the old one may go last."""

    plan: str
    region: str
    spot: bool
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An order beside what is on sale. `stock` is None where the plan or the region isn't sold at all."""

    order: Order
    stock: int | None
    elsewhere: dict[str, int]

    @property
    def enough(self) -> bool:
        return self.stock is not None and self.stock >= self.order.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """All offers, and the teams with what is left on their accounts."""

    offers: tuple[Offer, ...]
    teams: tuple[Team, ...]

    @property
    def enough(self) -> bool:
        return all(offer.enough for offer in self.offers)


def orders_of(plan: Plan) -> tuple[Order, ...]:
    """What the plan is about to buy at Cherry Servers."""
    bought = Counter(
        (node.size, node.region, node.spot)
        for node in nodes_of(plan)
        if node.cloud is Cloud.CHERRY and node.fate in (Fate.CREATE, Fate.REPLACE)
    )
    return tuple(
        Order(plan=size, region=region, spot=spot, count=count)
        for (size, region, spot), count in sorted(bought.items())
    )


def stock(api: Api, plan: Plan) -> Stock:
    """One request a plan, and a few for the teams."""
    teams = teams_of(api)
    orders = orders_of(plan)
    answers = {order.plan: _plan(api, order.plan, teams) for order in orders}
    return Stock(offers=tuple(_offer(order, answers[order.plan]) for order in orders), teams=teams)


def _offer(order: Order, answer: Json | None) -> Offer:
    kind = "spot_qty" if order.spot else "stock_qty"
    regions = {
        text(one, "slug"): int(optional_number(one, kind) or 0) for one in parts(answer or {}, "available_regions")
    }
    return Offer(
        order=order,
        stock=regions.get(order.region),
        elsewhere={name: left for name, left in regions.items() if name != order.region and left >= order.count},
    )


def _plan(api: Api, slug: str, teams: tuple[Team, ...]) -> Json | None:
    """The plan of the public list, or of a team; None where nobody sells it."""
    if not slug:
        return None
    try:
        return api.get(f"/plans/{slug}")
    except CherryError as error:
        if error.status != _NOT_FOUND:
            raise
    for team in teams:
        for one in api.get_list(f"/teams/{team.id}/plans"):
            if one.get("slug") == slug:
                return one
    return None
