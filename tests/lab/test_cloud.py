"""Terraform's modules on a cloud whose servers are guests: one apply, and machines that answer.

The control plane and the validator are guests of one lab; what an operator does to a rented server is done to them, at
the addresses that Terraform tells.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cherrylab.drivers.qemu import PROGRAMS, QemuDriver, namespace
from cherrylab.guests.network import HOST
from cherrylab.guests.shell import Shell
from cherrylab.service import Options
from nodeagent.host.process import run
from nodeagent.model.command import Command
from nodeagent.model.errors import ExitCode, HostError
from tests import needs
from tests.lab.bundle import make_bundle
from tests.terraform.deployment import deployment
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = [pytest.mark.lab, pytest.mark.cloud, pytest.mark.timeout(5400)]

_BUNDLE = "nodeagent.tar"
_NODEAGENT = (sys.executable, "-c", "import sys; from nodeagent.cli.main import main; sys.exit(main())")
_APPLY_SECONDS = 3600.0
_BOOT_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """The cloud, and the key that its servers were ordered with."""

    directory: Path
    cloud: RunningCloud
    key: Path
    bundle_sha256: str

    @property
    def network(self) -> str:
        return namespace(self.directory)

    def shell(self, address: str) -> Shell:
        return Shell(namespace=self.network, address=address, key=self.key, control=self.directory / "no-connection")

    def processes(self) -> list[str]:
        """Names of the programs that live in the lab."""
        listed = subprocess.run(["ip", "netns", "pids", self.network], capture_output=True, check=True, text=True)
        return sorted(Path(f"/proc/{pid}/comm").read_text().strip() for pid in listed.stdout.split())


@pytest.fixture
def machines() -> Iterator[Machines]:
    """A cloud with guests behind its servers; nodeagent's archive is where they find it."""
    needs.root()
    for program in (*PROGRAMS, "ipmitool", "ssh-keygen"):
        if needs.find_tool(program) is None:
            needs.missing(f"the program {program}", remedy="scripts/install-system-tools lab")
    # What a failed test leaves is large; the end of a console that failed is in the message.
    with tempfile.TemporaryDirectory(prefix="nodeagent-cloud-") as scratch:
        directory, artefacts, key = Path(scratch, "cloud"), Path(scratch, "artefacts"), Path(scratch, "key")
        directory.mkdir(mode=0o700)
        artefacts.mkdir()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ops", "-f", key], check=True)
        total = make_bundle(artefacts / _BUNDLE)
        driver = QemuDriver(directory, artefacts_directory=artefacts)
        try:
            with RunningCloud(directory, Options(), driver=driver) as cloud:
                try:
                    yield Machines(directory=directory, cloud=cloud, key=key, bundle_sha256=total)
                finally:
                    # What is under way ends with the machines; the cloud waits for it.
                    driver.close()
        finally:
            driver.close()


@pytest.mark.parametrize("control_plane_count", [1, pytest.param(3, marks=pytest.mark.at_length)])
def test_one_apply_builds_machines_that_answer(machines: Machines, control_plane_count: int) -> None:
    """From nothing to `tune verify` on each of them, a power cycle by IPMI, and nothing again."""
    terraform = Terraform(
        CONFIGURATIONS / "environments" / "vm",
        environment=machines.cloud.environment,
        variables=deployment(
            ssh_keys={"ops": machines.key.with_suffix(".pub").read_text()},
            control_plane_count=control_plane_count,
            validator_gate="passed",
            bundle={"url": f"http://{HOST}/{_BUNDLE}", "sha256": machines.bundle_sha256},
        ),
        time_limit_s=_APPLY_SECONDS,
    )
    terraform.init()
    began = time.monotonic()
    terraform.apply()
    print(f"the apply of {control_plane_count + 1} machines took {time.monotonic() - began:.0f} s")

    nodes: dict[str, dict[str, Any]] = terraform.output_json()["inventory"]["nodes"]
    assert len(nodes) == control_plane_count + 1
    shells = {hostname: machines.shell(node["public_ip"]) for hostname, node in nodes.items()}
    for hostname, node in nodes.items():
        _check_installed(hostname, node, shells[hostname])
    _check_private_network(nodes, shells["sol-1234-val-1"])
    _check_drives(shells["sol-1234-val-1"])
    _check_power_cycle(machines, terraform, "sol-1234-cp-1", shells["sol-1234-cp-1"])
    assert terraform.plan(detailed_exitcode=True).exit_code == 0

    terraform.destroy()
    _wait_until_gone(machines)
    assert not any((machines.directory / "machines").iterdir())


def _check_installed(hostname: str, node: dict[str, Any], shell: Shell) -> None:
    """cloud-init is done without an error, and nodeagent says how the machine stands against its profile."""
    assert shell.check("hostname").strip() == hostname
    assert node["public_ip"] in shell.check("ip -4 -brief address show mgmt0")
    assert "status: done" in shell.check("cloud-init status")
    assert shell.check("systemctl is-enabled nodeagent-apply.service").strip() == "enabled"
    answer = shell.run("nodeagent tune verify --profile node --output json", timeout_seconds=600)
    assert answer.exit_code in {ExitCode.OK, ExitCode.DIFFERS}, answer.stderr.decode()
    print(f"{hostname}: {sorted(json.loads(answer.stdout))}")


def _check_private_network(nodes: dict[str, dict[str, Any]], shell: Shell) -> None:
    """The private addresses are those of the fast cards, and every machine answers there with long frames."""
    for node in nodes.values():
        shell.check(f"ping -c 1 -W 20 -M do -s 8972 {node['private_ip']}")


def _check_drives(shell: Shell) -> None:
    listed = shell.check("lsblk --nodeps --noheadings --output SERIAL,SIZE --include 259").split()
    drives = dict(zip(listed[::2], listed[1::2], strict=True))
    assert drives == {"LEDGER01": "15G", "ACCT01": "6G", "SNAP01": "2G"}


def _check_power_cycle(machines: Machines, terraform: Terraform, hostname: str, shell: Shell) -> None:
    """The BMC opens for whom the API lets in, and cuts the power of that machine."""
    password = terraform.workspace / "bmc-password"
    with machines.cloud.client() as api:
        servers = api.get(f"/projects/{terraform.output_json()['project_id']}/servers").json()
    bmc = next(server["bmc"] for server in servers if server["hostname"] == hostname)
    assert not _ipmi(machines, bmc, bmc["password"], "status").ok

    subprocess.run(
        [*_NODEAGENT, "cherry", "console", hostname, "--from", HOST, "--password-file", password],
        env=terraform.environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    before = shell.check("cat /proc/sys/kernel/random/boot_id")
    status = _ipmi(machines, bmc, password.read_text().strip(), "status")
    assert status.stdout.decode().strip() == "Chassis Power is on"
    assert _ipmi(machines, bmc, password.read_text().strip(), "cycle").ok
    _wait_for_another_boot(shell, before)


def _ipmi(machines: Machines, bmc: dict[str, Any], password: str, action: str) -> Any:
    who = ("-I", "lanplus", "-C", "3", "-N", "10", "-R", "1", "-H", bmc["ip"], "-U", bmc["user"], "-E")
    return run(
        Command(
            argv=("ipmitool", *who, "chassis", "power", action),
            timeout_seconds=60,
            environment=(("IPMI_PASSWORD", password),),
            network_namespace=machines.network,
        )
    )


def _wait_for_another_boot(shell: Shell, before: str) -> None:
    deadline = time.monotonic() + _BOOT_SECONDS
    while time.monotonic() < deadline:
        answer = shell.run("cat /proc/sys/kernel/random/boot_id", timeout_seconds=90)
        if answer.ok and answer.stdout.decode() != before:
            return
        time.sleep(1)
    raise HostError(f"{shell.address} did not boot again within {_BOOT_SECONDS:g} s")


def _wait_until_gone(machines: Machines) -> None:
    deadline = time.monotonic() + 60
    while any((machines.directory / "machines").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not {"qemu-system-x86", "ipmi_sim"} & set(machines.processes())
