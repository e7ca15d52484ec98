"""What is for sale: the files fit each other, every figure tells where it is from, the mission can be bought."""

import json
from pathlib import Path
from typing import Any

import pytest

from cherrylab.cloud import catalogue, pricing
from tests.unit.cherrylab.books import CATALOGUE

DIRECTORY = Path(catalogue.__file__).parent
PLANS: list[dict[str, Any]] = json.loads((DIRECTORY / "plans.json").read_text())["plans"]
BY_SLUG = {plan["slug"]: plan for plan in PLANS}
HOURS_OF_MONTH = 730


def _prices(plan: dict[str, Any]) -> dict[str, float]:
    return {entry["unit"]: entry["price"] for entry in plan["pricing"]}


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan["slug"])
def test_a_plan_tells_where_it_is_from(plan: dict[str, Any]) -> None:
    assert plan["provenance"].keys() == {"seen", "source"}
    assert isinstance(plan["provenance"]["seen"], bool)
    assert plan["provenance"]["seen"] or "made up" in plan["provenance"]["source"].lower()


@pytest.mark.parametrize("slug", ["amd-epyc-7302p", "amd-epyc-9454p", "amd-epyc-9654"])
def test_the_machines_that_no_public_plan_offers_are_marked(slug: str) -> None:
    assert not BY_SLUG[slug]["provenance"]["seen"]
    assert BY_SLUG[slug]["category"] == "custom"


def test_what_is_ours_is_never_served() -> None:
    assert all("provenance" not in plan for plan in CATALOGUE.plans)
    assert all("types" not in image for plan in CATALOGUE.plans for image in CATALOGUE.images_of(plan))
    assert all(isinstance(region, dict) for plan in CATALOGUE.backup_plans for region in plan["regions"])


def test_ids_and_slugs_name_one_thing() -> None:
    for entries in (CATALOGUE.plans, CATALOGUE.regions, CATALOGUE.images, CATALOGUE.cycles):
        assert len({one["id"] for one in entries}) == len({one["slug"] for one in entries}) == len(entries)
    for plan in CATALOGUE.plans:
        assert CATALOGUE.plan(plan["slug"]) is CATALOGUE.plan(str(plan["id"])) is plan


@pytest.mark.parametrize(("slug", "cores"), [("amd-epyc-9454p", 48), ("amd-epyc-9654", 96)])
def test_a_validator_has_what_the_mission_asks(slug: str, cores: int) -> None:
    specs = BY_SLUG[slug]["specs"]
    terabytes = [drive["size"] for drive in specs["storage"] if drive["unit"] == "TB" for _ in range(drive["count"])]
    assert specs["cpus"]["cores"] == cores
    assert specs["memory"]["total"] == 512
    assert all(have >= asked for have, asked in zip(sorted(terabytes, reverse=True), (15, 6, 2), strict=True))
    assert specs["nics"]["name"] == "25Gbps"


def test_the_mission_costs_what_its_budget_says() -> None:
    month = 3 * _prices(BY_SLUG["amd-epyc-7302p"])["Monthly"] + _prices(BY_SLUG["amd-epyc-9454p"])["Monthly"]
    assert 4_500 < month < 5_500


@pytest.mark.parametrize("plan", [plan for plan in PLANS if "Monthly" in _prices(plan)], ids=lambda plan: plan["slug"])
def test_longer_cycles_are_cheaper(plan: dict[str, Any]) -> None:
    price = _prices(plan)
    month = price["Monthly"]
    assert price["Hourly"] * HOURS_OF_MONTH == pytest.approx(1.25 * month, rel=0.01)
    assert price["Quarterly"] == pytest.approx(3 * month * 0.95, abs=0.01)
    assert price["Semiannually"] == pytest.approx(6 * month * 0.90, abs=0.01)
    assert price["Annually"] == pytest.approx(12 * month * 0.85, abs=0.01)


def test_one_plan_is_sold_out_and_none_is_left_alone_by_price() -> None:
    sold_out = [p["slug"] for p in PLANS if not any(region["stock_qty"] for region in p["available_regions"])]
    assert sold_out == ["amd-epyc-9554p"]
    assert all("Hourly" in _prices(plan) for plan in PLANS)


@pytest.mark.parametrize(
    ("age_seconds", "quantity"), [(0, 1), (1, 1), (3_600, 1), (3_601, 2), (HOURS_OF_MONTH * 3_600, HOURS_OF_MONTH)]
)
def test_a_begun_hour_is_paid(age_seconds: float, quantity: int) -> None:
    bill = pricing.bill(BY_SLUG["e5_1650v4"], cycle="hourly", spot=False, age_seconds=age_seconds)
    assert (bill["quantity"], bill["price"]) == (quantity, round(0.3238 * quantity, 2))


def test_what_is_not_sold_has_no_price() -> None:
    plan = BY_SLUG["amd-ryzen-9950x"]
    assert pricing.price_of(plan, cycle="monthly", spot=False) is None
    assert pricing.price_of(plan, cycle="daily", spot=False) is None
    assert pricing.price_of(BY_SLUG["amd-epyc-7302p"], cycle="monthly", spot=True) is None
