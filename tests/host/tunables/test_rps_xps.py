"""rps-xps on the real kernel: a pair of virtual ports in a network namespace that ends with the process.

A virtual port has no place on the bus, so the script lends it one; every file it reads and writes is the kernel's own.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.needs import need_root, need_tool, tool

pytestmark = pytest.mark.host

_IN_NAMESPACE = """
import json, subprocess, sys
from dataclasses import dataclass, replace
from nodeagent.host import Host, changes
from nodeagent.model.facts import Nic
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Setting
from nodeagent.tune.tunables.rps_xps import RPS_XPS, PortSteeringSettings, RpsXpsSettings

queues = sys.argv[1]
subprocess.run(
    ["ip", "link", "add", "v0", "numrxqueues", queues, "numtxqueues", queues, "type", "veth", "peer", "name", "v1"],
    check=True,
)
PLACE, REAL = "/sys/bus/pci/devices/0000:ff:00.0/net/v0", "/sys/class/net/v0"

class Lent(Host):
    def read(self, path):
        return replace(super().read(path.replace(PLACE, REAL)), path=path)
    def names(self, directory):
        return ("v0",) if directory == PLACE.rpartition("/")[0] else super().names(directory.replace(PLACE, REAL))

host = Lent()
facts = replace(host.facts(), nics=(Nic(name="v0", driver="veth", pci_address="0000:ff:00.0"),))
first, last = min(facts.cpus.online), max(facts.cpus.online)
entry = PortSteeringSettings(
    name="one", nic=NicSelector(driver="veth"), cpus=Setting(value=f"{first},{last}"),
    rps_cpus=Setting(value=str(last)), rps_flow_cnt=Setting(value=3000), xps_cpus=Setting(value="own-queue"),
)
wanted = RpsXpsSettings(ports=(entry,))

def plan():
    return RPS_XPS.plan(RPS_XPS.observe(host, wanted, facts), wanted, facts)

def real(change):
    return replace(change, path=change.path.replace(PLACE, REAL))

def values():
    return {change.path: Host().read(real(change).path).text for change in planned}

planned = plan()
before = values()
told = []
for change in planned:
    changes.perform(Host(), real(change))
    seen = changes.observe(Host(), real(change))
    told.append(seen.state == change.after_state() and "ifindex" in seen.place)
again = plan()
verdict = RPS_XPS.judge(RPS_XPS.observe(host, wanted, facts), wanted, facts)
for change in reversed(planned):
    changes.perform(Host(), real(change.inverse()))
json.dump(
    {
        "steps": [change.key for change in planned], "told": told, "again": len(again), "back": values() == before,
        "findings": [[finding.subject, finding.state] for finding in verdict.findings],
    },
    sys.stdout,
)
"""


def _run(queues: int) -> dict[str, Any]:
    """What the script found in its own namespace, with a sysfs of that namespace."""
    python = f"exec {sys.executable} -c '{_IN_NAMESPACE}' {queues}".replace('"ip"', f'"{tool("ip")}"')
    done = subprocess.run(
        [
            tool("unshare"),
            "--net",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            f"mount -t sysfs sysfs /sys && {python}",
        ],
        env={"PYTHONPATH": str(Path(__file__).parents[3] / "agent"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@need_root
@need_tool("unshare")
@need_tool("ip")
def test_queues_of_a_real_port_are_set_and_restored_to_the_byte() -> None:
    found = _run(2)
    assert len(found["steps"]) == 6
    assert found["told"] == [True] * 6
    assert found["again"] == 0
    assert found["back"]
    assert {state for _, state in found["findings"]} == {"ok"}


@need_root
@need_tool("unshare")
@need_tool("ip")
def test_a_real_port_with_one_queue_has_no_transmit_queue_to_choose() -> None:
    found = _run(1)
    assert [step.rpartition(":")[2] for step in found["steps"]] == ["rps_cpus", "rps_flow_cnt"]
    assert found["findings"][-1] == ["rps-xps:0000:ff:00.0:tx-0:xps_cpus", "not-applicable"]
    assert found["back"]
