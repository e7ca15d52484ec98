"""The production environment, unmodified, on the rehearsal cloud: two phases, nothing left to do, nothing left over."""

import re

import pytest

from tests.terraform.deployment import deployment
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = pytest.mark.e2e

PRODUCTION = CONFIGURATIONS / "environments" / "production"


def test_from_init_to_destroy(cloud: RunningCloud) -> None:
    """The control plane, then the validator; the plan after it is empty, and destroying leaves nothing."""
    terraform = Terraform(PRODUCTION, environment=cloud.environment, variables=deployment(protected=False))
    terraform.init()
    terraform.validate()

    terraform.apply("-var=phase=control-plane")
    assert _roles(terraform) == {"control-plane": 3}
    assert terraform.plan("-var=phase=control-plane", detailed_exitcode=True).exit_code == 0

    terraform.apply("-var=phase=validator", "-var=validator_gate=passed")
    assert _roles(terraform) == {"control-plane": 3, "validator": 1}
    later = terraform.plan("-var=phase=validator", "-var=validator_gate=passed", detailed_exitcode=True)
    assert later.exit_code == 0
    assert "Warning" not in later.text

    terraform.destroy("-var=phase=validator", "-var=validator_gate=passed")
    assert [server for server in cloud.store.servers.all() if server.deleted_at is None] == []
    assert cloud.store.ssh_keys.all() == ()


def test_outputs_agree_with_the_cloud(cloud: RunningCloud) -> None:
    """The inventory has what the API has of each server, and no output has a secret."""
    terraform = Terraform(PRODUCTION, environment=cloud.environment, variables=deployment(protected=False))
    terraform.init()
    terraform.apply("-var=phase=validator", "-var=validator_gate=passed")
    outputs = terraform.output_json()

    with cloud.client() as api:
        seen = {server["hostname"]: server for server in api.get(f"/projects/{outputs['project_id']}/servers").json()}
    nodes = outputs["inventory"]["nodes"]
    assert sorted(nodes) == sorted(seen) == ["sol-1234-cp-1", "sol-1234-cp-2", "sol-1234-cp-3", "sol-1234-val-1"]
    for hostname, node in nodes.items():
        addresses = {address["type"]: address["address"] for address in seen[hostname]["ip_addresses"]}
        assert node["server_id"] == str(seen[hostname]["id"])
        assert node["plan"] == seen[hostname]["plan"]["slug"]
        assert node["region"] == "LT-Siauliai"
        assert node["image"] == "debian_12_64bit"
        assert node["tags"] == seen[hostname]["tags"]
        assert node["public_ip"] == addresses["primary-ip"] == outputs["public_ips"][hostname]
        assert node["private_ip"] == addresses["private-ip"] == outputs["private_ips"][hostname]
        assert outputs["management"][hostname] == f"nodeagent cherry console {hostname}"
    assert outputs["month_price"] == {"total": {"EUR": 4900}, "unknown": []}
    assert not re.search("password|token", str(outputs), re.IGNORECASE)


def test_no_secret_is_kept(cloud: RunningCloud) -> None:
    """C18: neither the token nor a password of the API gets into a plan, a state, an output or a message."""
    terraform = Terraform(PRODUCTION, environment=cloud.environment, variables=deployment(protected=False))
    terraform.init()
    said = terraform.plan(out=terraform.directory / "saved.tfplan").text
    shown = str(terraform.show_json(terraform.directory / "saved.tfplan"))
    said += terraform.apply(str(terraform.directory / "saved.tfplan")).text
    kept = (terraform.directory / "terraform.tfstate").read_text() + str(terraform.output_json())
    secrets = [cloud.environment["CHERRY_AUTH_TOKEN"]]
    for server in cloud.store.servers.all():
        secrets += [server.bmc.password, server.password]
    assert len(secrets) == 7
    assert [secret for secret in secrets if secret in said + shown + kept] == []


def test_control_plane_stands_before_the_validator_is_ordered(cloud: RunningCloud) -> None:
    """Also where both are asked for at once."""
    terraform = Terraform(PRODUCTION, environment=cloud.environment, variables=deployment(protected=False))
    terraform.init()
    terraform.apply("-var=phase=validator", "-var=validator_gate=passed")
    ids = {node["hostname"]: int(node["server_id"]) for node in terraform.output_json()["inventory"]["nodes"].values()}
    assert max(ids, key=ids.__getitem__) == "sol-1234-val-1"


def _roles(terraform: Terraform) -> dict[str, int]:
    nodes = terraform.output_json()["inventory"]["nodes"].values()
    roles = [node["role"] for node in nodes]
    return {role: roles.count(role) for role in sorted(set(roles))}
