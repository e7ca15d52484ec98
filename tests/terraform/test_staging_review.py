"""The rehearsal on AWS, held against the house's own review: what it costs a month, and that no rule objects.

The plan is the one that `terraform test` makes with a mocked AWS, since no plan of the real one can be had here.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from nodeagent.cli.main import main
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STAGING = CONFIGURATIONS / "environments" / "staging"


def mocked_plan() -> dict[str, Any]:
    """The plan of the first `run` that plans, in the format of `terraform show -json`."""
    terraform = Terraform(STAGING, environment={})
    terraform.init()
    said = terraform.test("-json", "-verbose").stdout
    plans = [event["test_plan"] for event in map(json.loads, said.splitlines()) if event["type"] == "test_plan"]
    plan: dict[str, Any] = {"format_version": "1.2", "terraform_version": "1.11.0", "configuration": {}} | plans[0]
    return plan


def test_the_rehearsal_passes_the_review_of_its_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = mocked_plan()
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan))
    runs = ["--runs", "8", "--hours-per-run", "4"]
    assert main(["stage", "review", str(file), "--stage", "staging", *runs, "--output", "json"]) == 0
    review = json.loads(capsys.readouterr().out)
    cost = review["cost"]
    assert (review["decision"], cost["unknown"]) == ("GO", [])
    assert Decimal(cost["month_eur"]) <= Decimal(cost["budget_eur"])
    # Where the state is kept can't be seen in a plan that a test made; that is noted, and nothing else.
    assert [finding["id"] for finding in review["findings"]] == ["NR-POLICY-007"]

    # The module counts the quarter of an hour until the schedule, and the public addresses; the review counts neither.
    told_usd = plan["output_changes"]["cost"]["after"]["month_max"]
    reviewed_usd = float(cost["month_eur"]) * float(cost["usd_per_eur"])
    assert reviewed_usd < told_usd < reviewed_usd * 1.1
