"""What cloud-init finds in a guest."""

import json

from cherrylab.drivers.driver import BmcAccess, Machine
from cherrylab.drivers.places import addresses_of
from cherrylab.drivers.seed import seed_files

MACHINE = Machine(
    server_id=900_001,
    project_id=1,
    hostname="validator-1",
    plan={},
    region="LT-Siauliai",
    image="debian_12_64bit",
    user_data=b"#cloud-config\nruncmd: [uptime]\n",
    ssh_keys=("ssh-ed25519 AAAA ada", "ssh-ed25519 BBBB bob"),
    password="top-secret",
    addresses=addresses_of(900_001),
    bmc=BmcAccess(user="kuser", password="more-secret", open_until=None, allowed_ip=None),
    tags={},
    rescue_password=None,
    is_on=True,
)


def test_name_keys_and_user_data_are_as_ordered() -> None:
    files = seed_files(MACHINE, instance_id="900001-a")
    assert json.loads(files["meta-data"]) == {
        "instance-id": "900001-a",
        "local-hostname": "validator-1",
        "public-keys": ["ssh-ed25519 AAAA ada", "ssh-ed25519 BBBB bob"],
    }
    assert files["user-data"] == MACHINE.user_data


def test_no_password_travels_in_it() -> None:
    assert b"secret" not in b"".join(seed_files(MACHINE, instance_id="1").values())


def test_the_network_is_left_to_the_lab() -> None:
    assert b"config: disabled" in seed_files(MACHINE, instance_id="1")["network-config"]
