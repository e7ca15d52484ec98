"""Who else sets what a profile sets: TuneD by its files, power daemons by their units, an MTU by its configuration."""

from pathlib import Path
from typing import Any

import pytest

from nodeagent.host import Host
from nodeagent.model.facts import Nic
from nodeagent.model.profile import Profile
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.tune.ports.mtu_owners import find_mtu_owners
from nodeagent.tune.services.second_owners import owner_findings
from nodeagent.tune.services.tuned_profile import read_tuned
from nodeagent.tune.tunables.nic_mtu import MtuSettings
from tests.fixtures.tree import Tree

_UNIT = "[Service]\nExecStart=/usr/sbin/x\n[Install]\nWantedBy=multi-user.target"
_NIC = Nic(name="data0", pci_address="0000:01:00.0", mac="02:00:00:00:00:01", driver="ice")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(root=tmp_path)
    tree.file("/run/systemd/system/.keep", "")
    tree.file("/sys/fs/cgroup/system.slice/cgroup.procs", "")
    tree.file("/etc/tuned/active_profile", "ours")
    tree.file(
        "/etc/tuned/profiles/ours/tuned.conf",
        "[main]\ninclude=network-latency\n[sysctl]\nvm.swappiness=30  # more\nkernel.x=${isolated}\n",
    )
    tree.file(
        "/usr/lib/tuned/network-latency/tuned.conf",
        "[cpu]\ngovernor=performance\n[sysctl]\nvm.swappiness=10\nvm.max_map_count=>65530\n[mine]\ntype=vm\n",
    )
    return tree


def _enable(tree: Tree, unit: str) -> None:
    tree.file(f"/usr/lib/systemd/system/{unit}", _UNIT)
    tree.link(f"/etc/systemd/system/multi-user.target.wants/{unit}", f"/usr/lib/systemd/system/{unit}")


def _told(tree: Tree, tunable: str, **tune: Any) -> list[tuple[str | None, str]]:
    profile = Profile(name="p", summary="", digest="", files=(), tune=tune)
    host = Host(root=tree.root)
    found = owner_findings(host, tunable, profile, host.facts())
    assert all(finding.optional and finding.remedy for finding in found)
    return [(finding.id, finding.got) for finding in found]


_SYSCTL = {
    "vm.swappiness": Setting(value="0"),
    "vm/max_map_count": Setting(value="1000000", bound=Bound.AT_LEAST),
    "kernel.x": Setting(value="1"),
    "net.core.rmem_max": Setting(value="1"),
}


def test_tuned_is_told_by_key_with_the_file_that_wins(tree: Tree) -> None:
    _enable(tree, "tuned.service")
    told = _told(tree, "sysctl", sysctl=_SYSCTL)
    assert [finding for finding, _ in told] == ["NA-OWNER-003"] * 3
    assert "sets 30 from /etc/tuned/profiles/ours/tuned.conf" in told[0][1]
    assert "sets 65530 from /usr/lib/tuned/network-latency/tuned.conf" in told[1][1]
    assert "a value that it computes" in told[2][1]


def test_a_value_that_satisfies_the_profile_is_no_rivalry(tree: Tree) -> None:
    _enable(tree, "tuned.service")
    fine = {"vm.swappiness": Setting(value="30"), "vm.max_map_count": Setting(value="65530", bound=Bound.AT_LEAST)}
    assert _told(tree, "sysctl", sysctl=fine) == []


def test_a_plugin_is_told_with_the_tunable_that_sets_the_same(tree: Tree) -> None:
    _enable(tree, "tuned.service")
    assert [found for found, _ in _told(tree, "cpu-governor", **{"cpu-governor": None})] == ["NA-OWNER-002"]
    assert [found for found, _ in _told(tree, "transparent-hugepages", **{"transparent-hugepages": None})] == [
        "NA-OWNER-002"
    ]
    assert _told(tree, "block-queue", **{"block-queue": ()}) == []


def test_tuned_that_is_not_at_work_is_not_told(tree: Tree) -> None:
    assert _told(tree, "sysctl", sysctl=_SYSCTL) == []
    tree.file("/usr/lib/systemd/system/tuned.service", _UNIT)
    assert _told(tree, "sysctl", sysctl=_SYSCTL) == []


def test_a_profile_that_names_the_unit_hears_no_more_of_it(tree: Tree) -> None:
    for unit in ("tuned.service", "tlp.service"):
        _enable(tree, unit)
    tune = {"cpu-governor": None, "sysctl": _SYSCTL}
    assert [found for found, _ in _told(tree, "cpu-governor", **tune)] == ["NA-OWNER-004", "NA-OWNER-002"]
    silent = {
        "tuned.service": Setting(value="masked", mode=Mode.IGNORE),
        "tlp.service": Setting(value="masked"),
    }
    assert _told(tree, "cpu-governor", **tune, **{"conflicting-services": silent}) == []
    assert _told(tree, "sysctl", **tune, **{"conflicting-services": silent}) == []


def test_without_systemd_there_are_no_units_to_tell_of(tmp_path: Path) -> None:
    tree = Tree(root=tmp_path)
    _enable(tree, "tuned.service")
    assert _told(tree, "cpu-governor", **{"cpu-governor": None}) == []


def test_profiles_that_include_each_other_end(tree: Tree) -> None:
    tree.file("/usr/lib/tuned/network-latency/tuned.conf", "[main]\ninclude=ours gone\n[sysctl]\nvm.swappiness=1\n")
    profile = read_tuned(Host(root=tree.root))
    assert profile.sysctls["vm.swappiness"] == ("30", "/etc/tuned/profiles/ours/tuned.conf")
    assert "gone" in profile.missing


@pytest.mark.parametrize(
    ("path", "text", "program"),
    [
        ("/etc/systemd/network/10-x.network", "[Match]\nName=data*\n[Link]\nMTUBytes=1500", "systemd-networkd"),
        ("/etc/systemd/network/10-x.link", "[Match]\nDriver=ice\n[Link]\nMTUBytes=9K", "udev"),
        (
            "/etc/NetworkManager/system-connections/x.nmconnection",
            "[connection]\ninterface-name=data0\n[ethernet]\nmtu=1500",
            "NetworkManager",
        ),
        ("/etc/network/interfaces", "auto data0\niface data0 inet static\n  address 1.2.3.4\n  mtu 1500", "ifupdown"),
        ("/etc/netplan/50-x.yaml", "network:\n  ethernets:\n    data0:\n      mtu: 1500", "netplan"),
    ],
)
def test_a_configuration_that_sets_another_mtu_is_told(tree: Tree, path: str, text: str, program: str) -> None:
    tree.file(path, text)
    (owner,) = find_mtu_owners(Host(root=tree.root))
    assert (owner.owner.program, owner.owner.path, owner.owner.means(_NIC)) == (program, path, True)
    assert owner.mtu in (1500, 9 * 1024)


def test_the_same_mtu_or_another_port_is_no_rivalry(tmp_path: Path) -> None:
    from dataclasses import replace

    tree = Tree(root=tmp_path)
    tree.file("/etc/systemd/network/10-x.network", "[Match]\nName=data0\n[Link]\nMTUBytes=9000")
    tree.file("/etc/systemd/network/20-x.network", "[Match]\nName=other\n[Link]\nMTUBytes=1500")
    host = Host(root=tree.root)
    facts = replace(host.facts(), nics=(_NIC,))
    entry = MtuSettings(name="data", nic=NicSelector(driver="ice"), mtu=Setting(value=9000))
    profile = Profile(name="p", summary="", digest="", files=(), tune={"nic-mtu": (entry,)})
    assert owner_findings(host, "nic-mtu", profile, facts) == ()
    smaller = Profile(
        name="p", summary="", digest="", files=(), tune={"nic-mtu": (replace(entry, mtu=Setting(value=1500)),)}
    )
    (finding,) = owner_findings(host, "nic-mtu", smaller, facts)
    assert (finding.id, finding.optional) == ("NA-OWNER-007", True)
