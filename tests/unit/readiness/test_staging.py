"""The AWS stage: what its module builds has a price or is known to be free, and its machines stay within the budget."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from nodeagent.readiness.review.cost import FREE
from nodeagent.readiness.review.money import cents
from nodeagent.readiness.review.node import CLOUDS
from nodeagent.readiness.review.prices import AWS_FILE, parse_aws_prices
from nodeagent.readiness.review.review import Decision
from tests.unit.readiness.plans import Json, document, errors, instance, resource, reviewed

TERRAFORM = Path(__file__).parents[3] / "provisioning" / "terraform"
AWS = parse_aws_prices(AWS_FILE.read_text(), name=AWS_FILE.name)


def _types() -> set[str]:
    """Every type of resource in the tree."""
    files = [file for file in TERRAFORM.rglob("*.tf") if ".terraform" not in file.parts]
    return {kind for file in files for kind in re.findall(r'^resource "(\w+)"', file.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("kind", sorted(_types()))
def test_every_resource_of_the_tree_is_a_machine_free_or_named(kind: str) -> None:
    """A bucket costs cents for what is in it, which no plan tells; it is named as unknown."""
    assert kind in {*CLOUDS, *FREE, *AWS.free, "aws_s3_bucket", "aws_kms_key", "cherryservers_ip"}


def _machine(name: str, type_: str, price_hour_max: str) -> Json:
    options = [{"market_type": "spot", "spot_options": [{"max_price": price_hour_max}]}]
    drive = {"volume_type": "gp3", "volume_size": 30}
    values = instance(name, instance_type=type_, instance_market_options=options, root_block_device=[drive])
    return resource(f"aws_instance.{name}", type_="aws_instance", after=values)


MACHINES = [
    _machine("ledger", "i3en.6xlarge", "2.712"),
    _machine("accounts", "i3en.6xlarge", "2.712"),
    _machine("cpu", "m6a.24xlarge", "4.1472"),
]


def test_the_rehearsal_of_the_tree_is_within_its_budget() -> None:
    variables = {"runs_per_month": {"value": 8}, "hours_per_run": {"value": 4}}
    review = reviewed(document(MACHINES, variables=variables), "staging")
    machines = (Decimal("2.712") * 2 + Decimal("4.1472")) * 32
    drives = Decimal("0.08") * 30 * 3 * 32 / 730
    assert cents(review.estimate.after_eur) == cents((machines + drives) / Decimal("1.08")) == Decimal("283.88")
    assert review.decision is Decision.GO


def test_sixteen_runs_of_it_are_not() -> None:
    variables = {"runs_per_month": {"value": 16}, "hours_per_run": {"value": 4}}
    assert errors(reviewed(document(MACHINES, variables=variables), "staging")) == ["NR-COST-001"]
