"""Plans that come after a purchase: what changed in the catalogue stops nothing, what changed on a server is told, and
a protected server neither goes nor is installed anew."""

import pytest

from cherrylab.cloud.faults import Fault, Kind
from tests.terraform.deployment import OTHER_SSH_KEY, deployment
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = pytest.mark.e2e

PRODUCTION = CONFIGURATIONS / "environments" / "production"
GUARD = 'module.cluster.module.control_plane.module.node["sol-1234-cp-1"].terraform_data.guard[0]'


@pytest.fixture
def terraform(cloud: RunningCloud) -> Terraform:
    """A control plane of one node, bought and protected."""
    terraform = Terraform(PRODUCTION, environment=cloud.environment, variables=deployment(control_plane_count=1))
    terraform.init()
    terraform.apply()
    return terraform


def test_sold_out_after_the_purchase(cloud: RunningCloud, terraform: Terraform) -> None:
    """A warning, and an empty plan; one more of the same is refused."""
    cloud.inject(Fault(kinds=(Kind.OUT_OF_STOCK,), request="GET /v1/plans*"))
    plan = terraform.plan(detailed_exitcode=True)
    assert plan.exit_code == 0
    assert "It stays; a new one like it could not be bought. plan amd-epyc-7302p" in plan.text
    more = terraform.plan("-var=control_plane_count=2", check=False)
    assert more.exit_code == 1
    assert "plan amd-epyc-7302p for sol-1234-cp-2 in LT-Siauliai: stock: wanted at least 1" in more.text


def test_protected_server_stays(terraform: Terraform) -> None:
    """Whatever would destroy or replace it, and whoever takes the protection away first."""
    server = GUARD.replace("terraform_data.guard[0]", "cherryservers_server.this")
    for argument in (
        "-destroy",
        f"-replace={server}",
        "-var=control_plane_plan=e5_1650v4",
        "-var=region=NL-Amsterdam",
        "-var=deployment_id=sol-9999",
        "-var=protected=false",
    ):
        plan = terraform.plan(argument, check=False)
        assert plan.exit_code == 1, argument
        assert "terraform_data.guard[0] has lifecycle.prevent_destroy set" in plan.text, argument


def test_server_that_somebody_deleted_is_not_bought_again(cloud: RunningCloud, terraform: Terraform) -> None:
    with cloud.client() as api:
        node = terraform.output_json()["inventory"]["nodes"]["sol-1234-cp-1"]
        api.delete(f"/servers/{node['server_id']}").raise_for_status()
    plan = terraform.plan(check=False)
    assert plan.exit_code == 1
    assert "terraform_data.guard[0] has lifecycle.prevent_destroy set" in plan.text


def test_letting_go(cloud: RunningCloud, terraform: Terraform) -> None:
    """As modules/node/README.md says it."""
    terraform.run("state", "rm", GUARD)
    terraform.destroy("-var=protected=false")
    assert [server for server in cloud.store.servers.all() if server.deleted_at is None] == []


def test_another_image_does_not_reinstall(cloud: RunningCloud, terraform: Terraform) -> None:
    """The plan shows it, and the provider refuses it; the server stays as it was."""
    override = terraform.directory / "image_override.tf"
    override.write_text('module "cluster" {\n  image = "ubuntu_24_04_64bit"\n}\n')
    apply = terraform.apply(check=False)
    assert apply.exit_code == 1
    assert "allow_reinstall" in apply.text
    assert [server.image for server in cloud.store.servers.all()] == ["debian_12_64bit"]
    assert not [entry for entry in cloud.requests if entry.path.endswith("/actions")]


def test_what_changed_on_a_server_is_told(cloud: RunningCloud, terraform: Terraform) -> None:
    """Switched off and renamed by hand: a warning each, and the name is set again by the next apply."""
    node = terraform.output_json()["inventory"]["nodes"]["sol-1234-cp-1"]
    with cloud.client() as api:
        api.post(f"/servers/{node['server_id']}/actions", json={"type": "power_off"}).raise_for_status()
        api.put(f"/servers/{node['server_id']}", json={"hostname": "somebody-else"}).raise_for_status()
    plan = terraform.plan(detailed_exitcode=True)
    assert plan.exit_code == 2
    assert "wanted it active and on, got active and off. Next: nodeagent cherry power" in plan.text
    assert "wanted the hostname sol-1234-cp-1, got somebody-else" in plan.text
    terraform.apply()
    assert [server.hostname for server in cloud.store.servers.all()] == ["sol-1234-cp-1"]


def test_what_a_server_is_born_with_is_left_alone(terraform: Terraform) -> None:
    """Another profile, another cycle: no server is changed, where the provider would reinstall or replace."""
    profile = terraform.directory / "profiles" / "control-plane.yaml"
    profile.write_text(profile.read_text().replace("summary: a node", "summary: another node"))
    assert terraform.plan(detailed_exitcode=True).exit_code == 0
    terraform.plan("-var=cycle=hourly", out=terraform.directory / "plan")
    changes = terraform.show_json(terraform.directory / "plan")["resource_changes"]
    assert [change["address"] for change in changes if change["change"]["actions"] != ["no-op"]] == []


def test_another_key_is_made_and_no_server_changed(cloud: RunningCloud, terraform: Terraform) -> None:
    variables = terraform.directory / "rehearsal.auto.tfvars.json"
    variables.write_text(variables.read_text().replace('"ada":', f'"bob": "{OTHER_SSH_KEY}", "ada":'))
    plan = terraform.plan(out=terraform.directory / "plan")
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in plan.text
