"""Virtual functions: what a profile may say, that a plan and what comes after it agree, and who else sets them."""

from pathlib import Path
from typing import Any

import pytest

from nodeagent.host import Host
from nodeagent.model.change import Deferred, Risk
from nodeagent.model.errors import ProfileError
from nodeagent.model.facts import Nic
from nodeagent.profiles import load_profile
from nodeagent.tune.agreement import differences
from nodeagent.tune.conflicts import find_conflicts
from nodeagent.tune.ports.vf_owners import find_owners
from nodeagent.tune.tunables.sriov import SRIOV
from tests.fixtures.ports import PF, PortTree
from tests.fixtures.sriov_machine import PLAIN, SriovMachine
from tests.fixtures.tree import Tree

_PROFILE = """\
- name: data
  nic: {driver: igb}
  vfs: 3
  mtu: 9000
  vf:
    - {index: "0-1", trust: true, mtu: 9000}
    - {index: "0", mac: "02:00:00:00:00:10", vlan: 100, qos: 3}
    - {index: "1", mac: "02:00:00:00:00:11"}
"""


def _settings(text: str, directory: Path) -> Any:
    path = directory / "p.yaml"
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    path.write_text(f"schema: 1\nsummary: x\ntune:\n  sriov:\n{indented}")
    return load_profile(path, settings_types={"sriov": SRIOV.Settings}, search=()).tune["sriov"]


def _plan(host: Host, settings: Any) -> tuple[Any, ...]:
    facts = host.facts(fresh=True)
    return SRIOV.plan(SRIOV.observe(host, settings, facts), settings, facts)


def test_every_step_that_was_deferred_is_what_the_plan_announced(tmp_path: Path) -> None:
    """What apply does: after each step the rest of the plan must be what is planned anew, filled in at most."""
    (tmp_path / "host").mkdir()
    machine, settings = SriovMachine(tmp_path / "host"), _settings(_PROFILE, tmp_path)
    planned = list(_plan(machine.host, settings))
    assert find_conflicts(planned) == ()
    made = []
    while planned:
        now = _plan(machine.host, settings)
        assert differences(planned, now) == ()
        item = planned.pop(0)
        step = next((found for found in now if found.key == item.key), None)
        assert not isinstance(step, Deferred)
        if step is not None:
            made.append(step)
            machine.perform(step)
    assert _plan(machine.host, settings) == ()
    facts = machine.host.facts(fresh=True)
    verdict = SRIOV.judge(SRIOV.observe(machine.host, settings, facts), settings, facts)
    assert verdict.state == "ok", verdict
    assert [type(step).__name__ for step in made] == [
        *("SetLink", "SetVfCount"),
        *("SetVf", "SetVf", "SetVf", "SetVf", "SetVf"),
        *("SetVfCount", "BindDriver", "BindDriver", "BindDriver", "SetLink", "SetLink"),
    ]


def test_what_destroys_vfs_in_use_says_so(tmp_path: Path) -> None:
    host = PortTree(root=tmp_path).make(numvfs=2)
    (change,) = _plan(host, _settings("- {name: a, nic: {driver: igb}, vfs: 4}", tmp_path))
    assert change.risk is Risk.VF_DESTROYING


def test_vfs_that_nobody_uses_yet_are_changed_live(tmp_path: Path) -> None:
    host = PortTree(root=tmp_path).make(numvfs=1, vfs={0: PLAIN})
    settings = _settings('- {name: a, nic: {driver: igb}, vfs: 1, vf: [{index: "0", vlan: 5}]}', tmp_path)
    (change,) = _plan(host, settings)
    assert change.risk is Risk.LIVE


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: a, nic: {}, vfs: 4}", "names no property"),
        ("{name: a, nic: {count: 2}, vfs: 4}", "names no property"),
        ("{name: a, nic: {driver: igb, count: 0}, vfs: 4}", "1 or more"),
        ('{name: a, nic: {driver: igb}, vfs: 4, vf: [{index: "4", trust: true}]}', "the last one is 3"),
        ('{name: a, nic: {driver: igb}, vfs: 4, vf: [{index: "3-1", trust: true}]}', "upwards"),
        ('{name: a, nic: {driver: igb}, vfs: 4, vf: [{index: "x", trust: true}]}', "indexes of VFs"),
        ('{name: a, nic: {driver: igb}, vf: [{index: "0-1", mac: "02:00:00:00:00:01"}]}', "belongs to one VF"),
        ('{name: a, nic: {driver: igb}, vf: [{index: "0", mac: "03:00:00:00:00:01"}]}', "one station"),
        ('{name: a, nic: {driver: igb}, vf: [{index: "0", qos: 3}]}', "without a vlan"),
        ('{name: a, nic: {driver: igb}, vf: [{index: "0", vlan: 4095}]}', "4094 or less"),
        ('{name: a, nic: {driver: igb}, vf: [{index: "0", vlan: 1, proto: 802.1x}]}', "802.1q"),
        ('{name: a, nic: {driver: igb}, vf: [{index: "0", link_state: up}]}', "auto"),
        ('{name: a, nic: {driver: igb}, vf: [{index: "0", driver: "../x"}]}', "name of a driver"),
        ("{name: a, nic: {driver: igb}, mtu: 67}", "68 or more"),
        ('{name: a, nic: {driver: igb}, vf: [{index: "0", msix: 0}]}', "1 or more"),
        ('{name: a, nic: {driver: igb}, vf: [{index: "0", msix: 2049}]}', "2048 or less"),
    ],
)
def test_what_can_not_be_meant_is_told_with_its_place(tmp_path: Path, entry: str, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        _settings(f"- {entry}", tmp_path)


def test_two_vfs_of_one_address_are_a_fault(tmp_path: Path) -> None:
    vfs = '[{index: "0", mac: "02:00:00:00:00:01"}, {index: "1", mac: "02:00:00:00:00:01"}]'
    with pytest.raises(ProfileError, match="second VF of this address"):
        _settings(f"- {{name: a, nic: {{driver: igb}}, vf: {vfs}}}", tmp_path)


def test_the_later_of_two_entries_for_one_vf_counts(tmp_path: Path) -> None:
    (entry,) = _settings(
        '- {name: a, nic: {driver: igb}, vf: [{index: "0-3", trust: true, vlan: 5}, {index: "2", trust: false}]}',
        tmp_path,
    )
    assert {name: setting.value for name, setting in entry.settings_of(2).items()} == {"trust": False, "vlan": 5}


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("[Match]\nName=pf*\n[SR-IOV]\nVirtualFunction=0\n", True),
        ("[Match]\nName=eth*\n[SR-IOV]\nVirtualFunction=0\n", False),
        ("[Match]\nMACAddress=02:00:00:00:00:07 02:00:00:00:00:01\n[SR-IOV]\n", True),
        ("[Match]\nPath=pci-*\n[SR-IOV]\n", True),
        ("# [SR-IOV]\n[Network]\nDHCP=yes\n", None),
        ("[Network]\nDescription=[SR-IOV]\n", None),
    ],
)
def test_whose_ports_a_file_of_networkd_means(tmp_path: Path, text: str, means: bool | None) -> None:
    Tree(root=tmp_path).file("/etc/systemd/network/10-x.network", text)
    owners = find_owners(Host(root=tmp_path))
    nic = Nic(name="pf0", driver="igb", pci_address=PF, mac="02:00:00:00:00:01")
    assert [owner.means(nic) for owner in owners] == ([] if means is None else [means])


def test_a_rule_that_is_commented_out_owns_nothing(tmp_path: Path) -> None:
    Tree(root=tmp_path).file("/etc/udev/rules.d/1.rules", '# ATTR{device/sriov_numvfs}="2"')
    assert find_owners(Host(root=tmp_path)) == ()


def test_an_address_that_needs_a_new_probe_has_the_mtu_looked_at_again(tmp_path: Path) -> None:
    """The interface that comes back is a new one, with the MTU that its driver gives it."""
    host = PortTree(root=tmp_path).make(
        numvfs=1, vfs={0: PLAIN}, interfaces=True, drivers=["igbvf"], bound="igbvf", mtu=9000
    )
    entry = '- {name: a, nic: {driver: igb}, vfs: 1, vf: [{index: "0", mac: "02:00:00:00:00:10", mtu: 9000}]}'
    address, mtu = _plan(host, _settings(entry, tmp_path))
    assert isinstance(mtu, Deferred)
    assert (address.rebind, mtu.waits_for) == ("igbvf", address.key)
