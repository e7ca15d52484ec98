"""sysctl on the real kernel: net.* in a namespace of its own that ends with the process, the rest only read."""

import subprocess
import sys
from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.model.change import WriteCoupled
from nodeagent.model.setting import Setting
from nodeagent.tune.kernel.sysctl_rules import COUPLED
from nodeagent.tune.tunables.sysctl import SYSCTL
from tests.needs import need_kernel, need_root, need_tool, tool

pytestmark = pytest.mark.host

_IN_NAMESPACE = """
import json, sys
from nodeagent.host import Host, changes
from nodeagent.model.setting import Bound, Setting
from nodeagent.tune.tunables.sysctl import SYSCTL

wanted = {
    "net.core.somaxconn": Setting(value="8192", bound=Bound.AT_LEAST),
    "net.ipv4.tcp_rmem": Setting(value="4096 87380 134217728"),
    "net.core.netdev_max_backlog": Setting(value="250000"),
}
host = Host()
facts = host.facts()

def plan():
    return SYSCTL.plan(SYSCTL.observe(host, wanted, facts), wanted, facts)

def values():
    return [host.text(f"/proc/sys/{key.replace('.', '/')}") for key in wanted]

before, planned = values(), plan()
for change in planned:
    changes.perform(host, change)
done, again = values(), plan()
verdict = SYSCTL.judge(SYSCTL.observe(host, wanted, facts), wanted, facts)
for change in reversed(planned):
    changes.perform(host, change.inverse())
json.dump(
    {
        "before": before, "done": done, "again": len(again), "undone": values(),
        "states": {finding.subject: finding.state for finding in verdict.findings if not finding.optional},
    },
    sys.stdout,
)
"""


@need_root
@need_tool("unshare")
def test_in_a_namespace_of_its_own_it_sets_and_restores_what_is_there() -> None:
    import json

    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "agent")}
    command = [tool("unshare"), "--net", sys.executable, "-c", _IN_NAMESPACE]
    told = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout)
    assert told["done"][:2] == ["8192", "4096\t87380\t134217728"]
    assert told["again"] == 0
    assert told["undone"] == told["before"]
    assert told["states"] == {
        "sysctl:net.core.somaxconn": "ok",
        "sysctl:net.ipv4.tcp_rmem": "ok",
        "sysctl:net.core.netdev_max_backlog": "not-applicable",
    }


@pytest.mark.parametrize("pair", list(COUPLED.items()))
@need_kernel("/proc/sys/vm/dirty_bytes")
def test_of_each_coupled_pair_exactly_one_is_in_force_on_the_running_kernel(pair: tuple[str, str]) -> None:
    values = [Host().text(f"/proc/sys/{key.replace('.', '/')}") for key in pair]
    assert [value == "0" for value in values].count(True) == 1


@need_kernel("/proc/sys/vm/dirty_bytes")
def test_the_way_back_from_bytes_writes_the_ratio_of_the_running_kernel() -> None:
    host, wanted = Host(), {"vm.dirty_bytes": Setting(value=str(2**28 + 4096))}
    facts = host.facts()
    (change,) = SYSCTL.plan(SYSCTL.observe(host, wanted, facts), wanted, facts)
    assert isinstance(change, WriteCoupled)
    ratio = host.text("/proc/sys/vm/dirty_ratio")
    back = change.inverse().command()
    assert (f"echo {ratio} > /proc/sys/vm/dirty_ratio" in back) is (ratio != "0")
    assert "echo 0 >" not in back
