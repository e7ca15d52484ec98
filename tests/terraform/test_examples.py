"""The examples, as they stand, on the rehearsal cloud; and the profiles that become user data are profiles."""

import base64
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from nodeagent.cli.main import main
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = pytest.mark.e2e


def test_complete(cloud: RunningCloud, tmp_path: Path) -> None:
    """examples/complete: applied, nothing left to do, destroyed."""
    terraform = Terraform(CONFIGURATIONS / "examples/complete", environment=cloud.environment)
    terraform.init()
    terraform.apply()
    assert terraform.plan(detailed_exitcode=True).exit_code == 0
    assert terraform.output_json()["month_price"]["total"] == {"EUR": 5790}
    for hostname, document in _user_data(cloud).items():
        assert _is_profile(document, tmp_path / f"{hostname}.yaml")
    terraform.destroy()
    assert [server for server in cloud.store.servers.all() if server.deleted_at is None] == []


def test_mission(cloud: RunningCloud, tmp_path: Path) -> None:
    """examples/mission: the block of the seed document makes what it asks for, on the host by its profile."""
    terraform = Terraform(CONFIGURATIONS / "examples/mission", environment=cloud.environment)
    terraform.init()
    apply = terraform.apply()
    assert "Region EU-East-1 is called LT-Siauliai today" in apply.text
    assert terraform.plan(detailed_exitcode=True).exit_code == 0
    outputs = terraform.output_json()
    plans = [node["plan"] for node in outputs["inventory"]["nodes"].values()]
    assert plans == ["amd-epyc-7302p"] * 3 + ["amd-epyc-9454p"]

    profile = YAML(typ="safe").load(outputs["validator_profile"])
    filesystems = {entry["name"]: entry for entry in profile["tune"]["filesystem"]}
    assert {name: (entry["type"], entry["mount_point"]) for name, entry in filesystems.items()} == {
        "ledger": ("ext4", "/mnt/ledger"),
        "accounts": ("ext4", "/mnt/accounts"),
        "snapshots": ("btrfs", "/mnt/snapshots"),
    }
    assert filesystems["ledger"]["device"]["size_at_least_bytes"] == "14250GB"
    assert "/dev/" not in outputs["validator_profile"]
    assert profile["tune"]["sriov"][0]["vfs"] == 8
    for hostname, document in _user_data(cloud).items():
        assert _is_profile(document, tmp_path / f"{hostname}.yaml")


def test_mission_block_is_word_for_word() -> None:
    """What the seed document has between `region` and the end of its block stands in the example as it is there."""
    text = (CONFIGURATIONS / "examples/mission/main.tf").read_text()
    words = " ".join(text.split())
    assert " ".join(_SEED.split()) in words


def test_mission_without_sr_iov(cloud: RunningCloud) -> None:
    """`sr_iov = false` asks for no virtual functions at all."""
    terraform = Terraform(CONFIGURATIONS / "examples/mission", environment=cloud.environment)
    main_tf = terraform.directory / "main.tf"
    main_tf.write_text(main_tf.read_text().replace("sr_iov  = true", "sr_iov  = false"))
    terraform.init()
    terraform.plan(out=terraform.directory / "plan")
    planned = terraform.show_json(terraform.directory / "plan")["planned_values"]["outputs"]["validator_profile"][
        "value"
    ]
    assert "sriov" not in planned
    assert "filesystem" in planned


_SEED = """
  region = "EU-East-1"

  control_plane_nodes = {
    count = 3
    plan = "AMD EPYC 7302P"
    memory = "64GB"
    storage = "1TB NVMe"
  }

  validator_node = {
    plan = "AMD EPYC 9454P"
    memory = "512GB DDR5 ECC"
    storage_config = [
      { device = "/dev/nvme0n1", size = "15TB", fs = "ext4", mount = "/mnt/ledger" },
      { device = "/dev/nvme1n1", size = "6TB", fs = "ext4", mount = "/mnt/accounts" },
      { device = "/dev/nvme2n1", size = "2TB", fs = "btrfs", mount = "/mnt/snapshots" }
    ]
    network = "25Gbps"
    sr_iov = true
  }
"""


def decode(text: str) -> str:
    """Base64, as the API and cloud-init have it."""
    return base64.b64decode(text).decode()


def _user_data(cloud: RunningCloud) -> dict[str, str]:
    return {server.hostname: decode(server.user_data) for server in cloud.store.servers.all()}


def _is_profile(document: str, file: Path) -> bool:
    """Whether nodeagent takes the profile that a cloud-init document carries."""
    carried = next(entry for entry in YAML(typ="safe").load(document)["write_files"] if "profiles" in entry["path"])
    file.write_text(decode(carried["content"]))
    return main(["profile", "validate", str(file)]) == 0
