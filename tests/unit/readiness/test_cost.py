"""The bill: what is known is exact, what is unknown is named, and what goes is subtracted."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from nodeagent.model.errors import NodeagentError
from nodeagent.readiness.review.money import cents
from nodeagent.readiness.review.prices import CHERRY_FILE, Unit, parse_prices
from nodeagent.readiness.review.stage import STAGES
from tests.unit.readiness.plans import (
    CLUSTER,
    CONTROL_PLANE,
    Json,
    document,
    instance,
    resource,
    reviewed,
    server,
    standing,
    tariff,
)

CATALOGUE = Path(__file__).parents[3] / "provisioning" / "cherrylab" / "cloud" / "catalogue" / "plans.json"


def _bill(resources: list[Json], stage: str = "production", **asked: object) -> tuple[Decimal, Decimal, Decimal]:
    bill = reviewed(document(resources), stage, **asked).estimate
    return cents(bill.before_eur), cents(bill.after_eur), cents(bill.delta_eur)


def test_a_cluster_by_the_month() -> None:
    assert _bill(CLUSTER) == (Decimal("750.00"), Decimal("4900.00"), Decimal("4150.00"))


@pytest.mark.parametrize(
    ("cycle", "month"),
    [
        ("monthly", "4150.00"),
        ("quarterly", "3942.50"),
        ("semiannually", "3735.00"),
        ("annually", "3527.50"),
        ("hourly", "5187.53"),
        (None, "5187.53"),
    ],
)
def test_every_cycle_is_brought_to_a_month(cycle: str | None, month: str) -> None:
    assert _bill([resource("v", after=server("v", "validator", cycle=cycle))])[1] == Decimal(month)


@pytest.mark.parametrize(
    ("actions", "before", "after", "wanted"),
    [
        (["create"], None, server("a"), ("0.00", "250.00", "250.00")),
        (["delete"], server("a"), None, ("250.00", "0.00", "-250.00")),
        (["delete", "create"], server("a"), server("a", "validator"), ("250.00", "4150.00", "3900.00")),
        (["update"], server("a"), server("a", hostname="b"), ("250.00", "250.00", "0.00")),
        (["no-op"], server("a"), server("a"), ("250.00", "250.00", "0.00")),
        (["forget"], server("a"), None, ("250.00", "0.00", "-250.00")),
    ],
)
def test_the_difference_follows_the_action(
    actions: list[str], before: Json | None, after: Json | None, wanted: tuple[str, ...]
) -> None:
    assert _bill([resource("a", actions=actions, before=before, after=after)]) == tuple(map(Decimal, wanted))


def test_an_unknown_price_is_named_and_no_part_of_the_sum() -> None:
    bill = reviewed(document([*CONTROL_PLANE, resource("x", after=server("x", plan="huge"))])).estimate
    assert [line.address for line in bill.unknown] == ["x"]
    assert bill.unknown[0].after_eur is None
    assert bill.after_eur == 750


def test_value_added_tax_is_taken_out_and_put_in() -> None:
    taxed = [resource("a", after=server("a", plan="amd-ryzen-9950x", cycle=None))]
    net, gross = Decimal("0.536") * 730 / Decimal("1.21"), Decimal("0.536") * 730
    assert _bill(taxed)[1] == cents(net)
    assert _bill(taxed, tariff=tariff(with_vat=True))[1] == cents(gross)
    assert _bill(CLUSTER, tariff=tariff(with_vat=True))[1] == cents(Decimal(4900) * Decimal("1.21"))


def test_an_aws_machine_costs_for_the_hours_of_its_runs_in_euros() -> None:
    machine = [resource("a", type_="aws_instance", after=instance("a"))]
    assert _bill(machine, "staging", runs_per_month=10, hours_per_run=3)[1] == cents(
        Decimal("4.1472") * 30 / Decimal("1.08")
    )
    assert _bill(machine, "staging")[1] == cents(Decimal("4.1472") * 32 / Decimal("1.08"))
    assert _bill(machine, "production")[1] == cents(Decimal("4.1472") * 730 / Decimal("1.08"))


def test_a_month_of_staging_is_over_its_budget_and_its_runs_are_not() -> None:
    machine = document([resource("a", type_="aws_instance", after=instance("a"))])
    full = reviewed(machine, "staging", runs_per_month=1, hours_per_run=730)
    assert "NR-COST-001" in {finding.id for finding in full.findings}
    assert "NR-COST-001" not in {finding.id for finding in reviewed(machine, "staging").findings}


def test_the_runs_of_the_plan_stand_before_those_of_the_stage_and_options_before_both() -> None:
    machine = [resource("a", type_="aws_instance", after=instance("a"))]
    variables = {"runs_per_month": {"value": 2}, "hours_per_run": {"value": 5}}

    def hours(**asked: object) -> Decimal:
        return reviewed(document(machine, variables=variables), "staging", **asked).estimate.usage.hours

    assert hours() == 10
    assert hours(runs_per_month=3) == 15
    assert reviewed(document(machine, variables=variables), "production").estimate.usage.hours == 730


@pytest.mark.parametrize(
    ("type_", "limit", "hour"),
    [
        ("m6a.24xlarge", "1.5", "1.5"),
        ("m6a.24xlarge", "9", "4.1472"),
        ("m6a.24xlarge", "", "4.1472"),
        ("m6a.24xlarge", "x", "4.1472"),
        ("z9.unknown", "0.5", "0.5"),
        ("z9.unknown", "", None),
    ],
)
def test_a_spot_machine_costs_at_most_its_limit(type_: str, limit: str, hour: str | None) -> None:
    options = [{"market_type": "spot", "spot_options": [{"max_price": limit}]}]
    machine = [
        resource("a", type_="aws_instance", after=instance("a", instance_type=type_, instance_market_options=options))
    ]
    (line,) = reviewed(document(machine), "staging").estimate.lines
    wanted = None if hour is None else cents(Decimal(hour) * 32 / Decimal("1.08"))
    assert (None if line.after_eur is None else cents(line.after_eur)) == wanted


def test_volumes_are_billed_with_their_machine() -> None:
    root_drive, other_drive = {"volume_type": "gp3", "volume_size": 100}, {"volume_type": "x"}
    values = instance("a", root_block_device=[root_drive], ebs_block_device=[other_drive])
    machine = [resource("a", type_="aws_instance", after=values)]
    _, root, other = reviewed(document(machine), "staging").estimate.lines
    assert root.after_eur is not None
    assert cents(root.after_eur) == cents(Decimal("0.08") * 100 * 32 / 730 / Decimal("1.08"))
    assert (other.address, other.after_eur) == ("a.ebs_block_device", None)


def test_free_resources_are_no_lines() -> None:
    free = [resource("k", type_="cherryservers_ssh_key", after={}), resource("s", type_="aws_subnet", after={})]
    assert reviewed(document([*CLUSTER, *free])).estimate.lines == reviewed(document(CLUSTER)).estimate.lines


def test_budgets_are_those_of_the_stages_in_euros() -> None:
    budgets = {
        stage.name: str(cents(stage.budget.in_eur(usd_per_eur=Decimal("1.08")))) for stage in STAGES if stage.billed
    }
    assert budgets == {"staging": "462.96", "production": "5092.59"}
    assert reviewed(document([standing("a")]), budget_eur=Decimal(249)).decision == "NO-GO"


def test_the_shipped_prices_are_those_that_cherrylab_sells_at() -> None:
    shipped, sold = json.loads(CHERRY_FILE.read_text()), json.loads(CATALOGUE.read_text())
    assert {plan["slug"]: plan["pricing"] for plan in shipped["plans"]} == {
        plan["slug"]: plan["pricing"] for plan in sold["plans"]
    }


def test_a_bare_answer_of_the_api_is_a_price_list() -> None:
    rows = [{"slug": "one", "pricing": [{"unit": "Hourly", "price": 0.536, "currency": "EUR", "taxed": True}]}]
    prices = parse_prices(json.dumps(rows), name="plans.json")
    assert prices.plans["one"].prices[Unit.HOURLY].money.amount == Decimal("0.536")
    assert prices.dated is None
    assert not prices.plans["one"].made_up


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "not JSON"),
        ("7", "wanted an object or a list"),
        ("[]", "no plan in it"),
        ('{"plans": []}', "no plan in it"),
        ('[{"slug": "a", "pricing": [{"unit": "Hourly", "price": -1, "currency": "EUR"}]}]', "is no price"),
        ('[{"slug": "a", "pricing": [{"unit": "Hourly", "price": "x", "currency": "EUR"}]}]', "is no number"),
        ('[{"slug": "a", "pricing": [{"unit": "Hourly", "price": null, "currency": "EUR"}]}]', "is no number"),
        ('[{"slug": "a", "pricing": [{"unit": "Hourly", "price": NaN, "currency": "EUR"}]}]', "is no number"),
        ('[{"slug": "a", "pricing": [{"unit": "Hourly", "price": 1, "currency": "GBP"}]}]', "GBP"),
        ('{"as_of": "yesterday", "plans": [{"slug": "a", "pricing": []}]}', "wanted YYYY-MM-DD"),
    ],
)
def test_a_price_list_with_faults_is_refused(text: str, wanted: str) -> None:
    with pytest.raises(NodeagentError, match="price list") as caught:
        parse_prices(text, name="prices.json")
    assert wanted in caught.value.message
