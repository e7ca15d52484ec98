"""What the rehearsal cloud has no case for: plans of a team, no BMC, power that doesn't come, odd bills."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from nodeagent.cherry.account import Project
from nodeagent.cherry.api import Api, CherryError, Patience
from nodeagent.cherry.check import check
from nodeagent.cherry.console import read_console
from nodeagent.cherry.costs import costs
from nodeagent.cherry.inventory import parse_inventory
from nodeagent.cherry.pace import Pace
from nodeagent.cherry.power import Press, press
from nodeagent.cherry.secret import Secret
from nodeagent.cherry.server import Server, servers_of
from nodeagent.cherry.stock import stock
from nodeagent.model.errors import NodeagentError
from nodeagent.readiness.review.plan import parse_plan
from nodeagent.readiness.review.prices import parse_prices
from tests.unit.readiness.plans import document, resource, server

PROJECT = Project(id=7, name="p", team_id=1)
SHAPE: dict[str, Any] = {
    "id": 9,
    "hostname": "val-1",
    "state": "active",
    "plan": {"slug": "amd-epyc-9454p", "specs": {"bandwidth": {"name": "100TB"}}},
    "pricing": {"unit": "Months", "unit_price": 4150, "currency": "EUR"},
}


def _api(answers: dict[str, object]) -> Api:
    """Paths and what they answer; 404 for everything else."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1")
        if path not in answers:
            return httpx.Response(404, json={"message": "not found"})
        return httpx.Response(200, text=json.dumps(answers[path]))

    return Api(
        Secret("t"),
        transport=httpx.MockTransport(answer),
        pace=Pace(per_second=10_000),
        patience=Patience(attempts=1),
    )


def _server(**changes: object) -> Server:
    with _api({"/projects/7/servers": [SHAPE | changes]}) as api:
        return servers_of(api, [PROJECT])[0]


@pytest.mark.parametrize(("where", "left"), [("/teams/1/plans", 2), ("/elsewhere", None)])
def test_a_plan_that_only_a_team_has_is_found_there(where: str, left: int | None) -> None:
    plan = parse_plan(json.dumps(document([resource("a", after=server("a", plan="own"))])), where="p")
    offer = {"slug": "own", "available_regions": [{"slug": "LT-Siauliai", "stock_qty": 2}]}
    answers: dict[str, object] = {"/teams": [{"id": 1, "name": "t"}], "/teams/1/projects": [], "/teams/1/plans": []}
    with _api(answers | {where: [offer]}) as api:
        found = stock(api, plan)
    assert [one.stock for one in found.offers] == [left]
    assert found.enough is (left is not None)


def test_a_plan_that_is_known_after_apply_is_not_in_stock() -> None:
    plan = parse_plan(json.dumps(document([resource("a", after=server("a", plan=None))])), where="p")
    with _api({"/teams": []}) as api:
        assert not stock(api, plan).enough


def test_an_error_that_is_no_absence_is_told() -> None:
    plan = parse_plan(json.dumps(document([resource("a", after=server("a", plan="own"))])), where="p")
    with _api({"/teams": [], "/plans/own": []}) as api, pytest.raises(CherryError, match="wanted an object"):
        stock(api, plan)


def test_a_server_without_a_bmc_is_told() -> None:
    with _api({"/servers/9": {"id": 9}}) as api, pytest.raises(CherryError, match="has no BMC"):
        read_console(api, _server())


@pytest.mark.parametrize(("shown", "reached", "looks"), [("on", True, 1), ("off", False, 4), ("", False, 4)])
def test_power_is_waited_for_so_long_and_no_longer(shown: str, reached: bool, looks: int) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(200, json={"power": shown} if shown else {})

    with Api(Secret("t"), transport=httpx.MockTransport(answer), pace=Pace(per_second=10_000)) as api:
        done = press(api, _server(), Press.ON, wait_seconds=6, monotonic=lambda: now[0], sleep=sleep)
    assert (done.reached, done.power) == (reached, shown)
    assert asked == ["POST"] + ["GET"] * looks


NAMED = {"image": "Debian 12 64bit", "status": "deployed", "region": {"slug": "LT-Siauliai"}}
NODE = {"server_id": "9", "plan": "amd-epyc-9454p", "region": "EU-East-1", "image": "debian_12_64bit"}


@pytest.mark.parametrize(("slug", "differs"), [("debian_12_64bit", []), ("ubuntu_24_04_64bit", ["image"])])
def test_an_image_that_the_api_names_is_found_by_its_slug(slug: str, differs: list[str]) -> None:
    inventory = parse_inventory(json.dumps({"nodes": {"val-1": NODE}}), where="i")
    answers: dict[str, object] = {
        "/projects/7/servers": [SHAPE | NAMED],
        "/servers/9": {"power": "on"},
        "/plans/amd-epyc-9454p/images": [{"name": "Debian 12 64bit", "slug": slug}],
    }
    with _api(answers) as api:
        report = check(api, inventory, [PROJECT])
    assert [one.what for one in report.differences] == differs


def test_a_check_of_nothing_is_an_error() -> None:
    with _api({}) as api, pytest.raises(NodeagentError, match="no server"):
        check(api, parse_inventory('{"nodes": {}}', where="i"), [PROJECT])


def _costs(price: float, list_price: object, *, unit: str = "Hours", **changes: object) -> Callable[[], bool]:
    listed = {"unit": "Hourly", "price": list_price, "currency": "EUR"}
    prices = parse_prices(json.dumps([{"slug": "amd-epyc-9454p", "pricing": [listed]}]), name="p")
    shape = SHAPE | {"pricing": {"unit": unit, "unit_price": price, "currency": "EUR"}} | changes
    with _api({"/projects/7/servers": [shape]}) as api:
        found = costs(api, [PROJECT], prices, deployment_id="")
    return lambda: found.differs


@pytest.mark.parametrize(
    ("billed", "listed", "differs"),
    [
        (0.43, "0.4281", False),
        (0.02, "0.018", False),
        (0.03, "0.018", True),
        (0.44, "0.4281", True),
        (7.11, "7.1062", False),
    ],
)
def test_a_bill_that_is_rounded_to_the_cent_is_no_difference(billed: float, listed: str, differs: bool) -> None:
    assert _costs(billed, listed)() is differs


def test_a_price_in_another_currency_or_unit_is_a_difference() -> None:
    assert _costs(0.43, "0.43", pricing={"unit": "Hours", "unit_price": 0.43, "currency": "USD"})()
    assert _costs(0.43, "0.43", unit="Fortnights")()


def test_traffic_has_a_pool_only_where_every_plan_says_what_it_includes() -> None:
    prices = parse_prices('[{"slug": "x", "pricing": []}]', name="p")
    other = SHAPE | {"id": 10, "plan": {"slug": "x"}, "traffic_used_bytes": 5}
    for servers, included in (([SHAPE], 10**14), ([SHAPE, other], None), ([], None)):
        with _api({"/projects/7/servers": servers}) as api:
            found = costs(api, [PROJECT], prices, deployment_id="")
        assert found.included_bytes == included
        assert sum(found.totals.values()) == Decimal(4150) * len(servers)
