"""Module catalogue against the API: every plan in one unit for each quantity, whatever the provider makes of it."""

import json
from pathlib import Path

import pytest

import cherrylab.cloud
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = pytest.mark.e2e

SOLD = json.loads(Path(cherrylab.cloud.__file__).with_name("catalogue").joinpath("plans.json").read_text())["plans"]
GIGABYTES = {"GB": 1, "TB": 1000}
MONTHS = {"Monthly": 1, "Quarterly": 3, "Semiannually": 6, "Annually": 12, "Hourly": 1 / 730}


def test_units(cloud: RunningCloud) -> None:
    """Drives of 3.84 and 15.36 TB survive a provider that cuts them to 3 and 15; prices are those of the list."""
    terraform = Terraform(CONFIGURATIONS / "modules/catalogue", environment=cloud.environment)
    terraform.init()
    terraform.apply("-var=region=LT-Siauliai")
    plans = terraform.output_json()["plans"]
    assert sorted(plans) == sorted(sold["slug"] for sold in SOLD)
    for sold in SOLD:
        specs, plan = sold["specs"], plans[sold["slug"]]
        assert plan["cores"] == specs["cpus"]["cores"]
        assert plan["threads"] == specs["cpus"]["cores"] * (2 if sold["type"] == "baremetal" else 1)
        assert plan["memory_gb"] == specs["memory"]["total"]
        sizes = [drive["size"] * GIGABYTES[drive["unit"]] for drive in specs["storage"] for _ in range(drive["count"])]
        assert plan["drives_gb"] == pytest.approx(sizes)
        assert plan["nic_gbps"] == float(specs["nics"]["name"].removesuffix("Gbps"))
        prices = {price["unit"]: price["price"] for price in sold["pricing"]}
        for unit, months in MONTHS.items():
            wanted = None if unit not in prices else pytest.approx(prices[unit] / months, rel=1e-9)
            assert plan["month_prices"][unit.lower()] == wanted
        stocks = {region["slug"]: region["stock_qty"] for region in sold["available_regions"]}
        assert plan["stock"] == stocks.get("LT-Siauliai", 0)
        assert sorted(plan["regions"]) == sorted(stocks)
        assert "debian_12_64bit" in plan["images"]


def test_two_requests(cloud: RunningCloud) -> None:
    """However many servers a cluster has, what is on sale is asked for once."""
    terraform = Terraform(CONFIGURATIONS / "modules/catalogue", environment=cloud.environment)
    terraform.init()
    terraform.plan("-var=region=LT-Siauliai")
    assert sorted(entry.path for entry in cloud.requests) == ["/v1/plans", "/v1/regions"]


def test_plan_of_the_team_is_asked_for_by_name(cloud: RunningCloud) -> None:
    """One that the list leaves out costs a request, one that it has costs none; what nobody has is an error."""
    terraform = Terraform(CONFIGURATIONS / "modules/catalogue", environment=cloud.environment)
    terraform.init()
    terraform.plan("-var=region=LT-Siauliai", '-var=team_plans=["amd-epyc-9454p"]')
    assert len(cloud.requests) == 2
    plan = terraform.plan("-var=region=LT-Siauliai", '-var=team_plans=["made-for-nobody"]', check=False)
    assert plan.exit_code == 1
    assert cloud.requests[-1].path == "/v1/plans/made-for-nobody"
