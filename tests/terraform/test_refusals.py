"""What stops a purchase: each at the plan, with the reason and the next step, before anything is ordered."""

from collections.abc import Mapping

import pytest

from cherrylab.cloud.faults import Fault, Kind
from tests.terraform.deployment import deployment
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = pytest.mark.e2e

PRODUCTION = CONFIGURATIONS / "environments" / "production"
EVERYTHING: dict[str, object] = {"phase": "validator", "validator_gate": "passed"}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        pytest.param(
            {"validator_plan": "amd-epyc-9999"},
            (
                'plan: "amd-epyc-9999" is not on the list',
                "amd-epyc-9454p (48 cores, 512 GB memory, 960 + 960 + 15360 + 6400 + 2000 GB drives, 25 Gbit/s,",
                "4 in stock): does",
                "next: choose a plan that does",
            ),
            id="wrong plan",
        ),
        pytest.param(
            {"validator_plan": "amd-epyc-9554p"},
            ("stock: wanted at least 1 in LT-Siauliai, got 0", "drives: wanted at least 15000 + 6000 + 2000 + 400 GB"),
            id="sold out",
        ),
        pytest.param(
            {"validator_plan": "amd-epyc-7443p"},
            ("memory: wanted at least 512 GB, got 256 GB", "threads: wanted 96 to 192, got 48", "amd-epyc-9454p"),
            id="256 GB",
        ),
        pytest.param(
            {"control_plane_count": 121, "month_budget": 99999},
            ("plan amd-epyc-7302p in LT-Siauliai: wanted 121 servers, got 120 in stock", "next: ask for fewer"),
            id="more than there are",
        ),
        pytest.param(
            {"region": "XX-Nowhere"},
            ("region: wanted one of LT-Siauliai, NL-Amsterdam", 'got "XX-Nowhere"', "Next: set region"),
            id="no such region",
        ),
        pytest.param(
            {"region": "SE-Stockholm"},
            ("region: wanted SE-Stockholm, got LT-Siauliai, NL-Amsterdam",),
            id="region that does not sell it",
        ),
        pytest.param(
            {"validator_gate": None},
            ("validator_gate: the control plane has to pass first", "Next: nodeagent report"),
            id="missing gate",
        ),
        pytest.param(
            {"cycle": "hourly"},
            ("month_budget: wanted at most 5000 EUR a month, got 6125.06 EUR", 'cycle = "monthly"'),
            id="beyond the budget",
        ),
    ],
)
def test_before_anything_is_ordered(
    cloud: RunningCloud, variables: Mapping[str, object], said: tuple[str, ...]
) -> None:
    terraform = Terraform(
        PRODUCTION, environment=cloud.environment, variables=deployment(**(EVERYTHING | dict(variables)))
    )
    terraform.init()
    plan = terraform.plan(check=False)
    assert plan.exit_code == 1
    assert [part for part in said if part not in plan.text] == [], plan.text
    assert _orders(cloud) == []


def test_missing_token(cloud: RunningCloud) -> None:
    environment = {name: value for name, value in cloud.environment.items() if not name.startswith("CHERRY_")}
    terraform = Terraform(PRODUCTION, environment=environment, variables=deployment())
    terraform.init()
    plan = terraform.plan(check=False)
    assert plan.exit_code == 1
    assert "CHERRY_AUTH" in plan.text
    assert cloud.requests == ()


def test_wrong_token(cloud: RunningCloud) -> None:
    terraform = Terraform(
        PRODUCTION, environment=cloud.environment | {"CHERRY_AUTH_TOKEN": "wrong"}, variables=deployment()
    )
    terraform.init()
    apply = terraform.apply(check=False)
    assert apply.exit_code == 1
    assert "(error code: 401)" in apply.text
    assert cloud.store.servers.all() == ()


def test_storm_of_429_at_the_plan(cloud: RunningCloud) -> None:
    """The catalogue can't be read, so nothing is known to do, and nothing is ordered."""
    cloud.inject(Fault(kinds=(Kind.TOO_MANY_REQUESTS,)))
    terraform = Terraform(PRODUCTION, environment=cloud.environment, variables=deployment())
    terraform.init()
    plan = terraform.plan(check=False)
    assert plan.exit_code == 1
    assert "(error code: 429)" in plan.text
    assert _orders(cloud) == []


def test_local_only_plans(cloud: RunningCloud) -> None:
    """environments/local shows what production costs; its apply ends before the first order, saved plan or not."""
    terraform = Terraform(
        CONFIGURATIONS / "environments" / "local", environment=cloud.environment, variables=deployment()
    )
    terraform.init()
    saved = terraform.directory / "saved.tfplan"
    terraform.plan(out=saved)
    assert terraform.show_json(saved)["planned_values"]["outputs"]["month_price"]["value"]["total"] == {"EUR": 4900}
    for arguments in ((str(saved),), ()):
        apply = terraform.apply(*arguments, check=False)
        assert apply.exit_code == 1
        assert "environments/local only plans, so that it costs nothing. Next: environments/vm" in apply.text
    assert _orders(cloud) == []


def test_leaving_the_validator_out_again(cloud: RunningCloud) -> None:
    """Back to the first phase would destroy a validator, and is refused."""
    variables = deployment(control_plane_count=1, **EVERYTHING)
    terraform = Terraform(PRODUCTION, environment=cloud.environment, variables=variables)
    terraform.init()
    terraform.apply()
    plan = terraform.plan("-var=phase=control-plane", check=False)
    assert plan.exit_code == 1
    assert "terraform_data.guard[0] has lifecycle.prevent_destroy set" in plan.text


def test_region_of_old_is_understood(cloud: RunningCloud) -> None:
    terraform = Terraform(PRODUCTION, environment=cloud.environment, variables=deployment(region="EU-East-1"))
    terraform.init()
    plan = terraform.plan()
    assert "Region EU-East-1 is called LT-Siauliai today. Next: write LT-Siauliai." in plan.text
    assert 'region = "LT-Siauliai"' in plan.text


def _orders(cloud: RunningCloud) -> list[str]:
    return [entry.path for entry in cloud.requests if entry.method not in {"GET"}]
