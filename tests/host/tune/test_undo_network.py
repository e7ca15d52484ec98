"""The undo script's view of network cards, in real shells on a tree of files, with `ip link` as a guest prints it."""

import os
import subprocess
from pathlib import Path

import pytest

from nodeagent.model.network_change import BindDriver, DriverBinding, SetLink, SetVf, SetVfCount, VfCount
from nodeagent.model.port import VfAttributes
from nodeagent.tune.undo import network as undo_network
from nodeagent.tune.undo import script as undo_script
from tests.fixtures.ports import PF, PortTree

pytestmark = pytest.mark.host

_IP_LINK = """\
3: pf0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9000 qdisc mq state UP mode DEFAULT group default qlen 1000
    link/ether 52:54:00:00:01:01 brd ff:ff:ff:ff:ff:ff
    vf 0     link/ether 52:54:00:aa:00:00 brd ff:ff:ff:ff:ff:ff, vlan 100, qos 3, tx rate 100 (Mbps), \
max_tx_rate 100Mbps, spoof checking off, link-state auto, trust on
    vf 1     link/ether 00:00:00:00:00:00 brd ff:ff:ff:ff:ff:ff, spoof checking on, link-state auto, trust off
    vf 10     link/ether 02:00:00:00:00:10 brd ff:ff:ff:ff:ff:ff, spoof checking on, link-state auto, trust off
"""


@pytest.fixture(params=["dash", "bash", "busybox sh"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    words: list[str] = request.param.split()
    from tests import needs

    needs.tool(words[0])
    return words


def _run(shell: list[str], root: Path, script: str) -> int:
    programs = root / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "ip").write_text(f"#!/bin/sh\ncat << 'END'\n{_IP_LINK}END\n")
    (programs / "ip").chmod(0o755)
    head = undo_script._HEAD.replace("@ROOT@", str(root)).replace("@BOOT@", "")
    environment = {"PATH": os.pathsep.join([str(programs), os.environ["PATH"]])}
    text = f"{head}{undo_network.FUNCTIONS}\n{script}"
    return subprocess.run([*shell, "-c", text], env=environment, check=False, timeout=30).returncode


def _vf(index: int, after: VfAttributes) -> SetVf:
    return SetVf(key="k", tunable="t", address=PF, index=index, before=after, after=after)


@pytest.mark.parametrize(
    ("index", "attributes", "holds"),
    [
        (0, VfAttributes(mac="52:54:00:aa:00:00"), True),
        (0, VfAttributes(vlan=100, qos=3, proto="802.1q"), True),
        (0, VfAttributes(vlan=10, qos=3, proto="802.1q"), False),
        (0, VfAttributes(vlan=0, qos=0), False),
        (0, VfAttributes(vlan=100, qos=3, proto="802.1ad"), False),
        (0, VfAttributes(max_tx_rate=100, min_tx_rate=0), True),
        (0, VfAttributes(max_tx_rate=10, min_tx_rate=0), False),
        (0, VfAttributes(trust=True), True),
        (0, VfAttributes(spoofchk=True), False),
        (0, VfAttributes(link_state="auto"), True),
        (1, VfAttributes(vlan=0, qos=0, proto="802.1q"), True),
        (1, VfAttributes(max_tx_rate=0, min_tx_rate=0), True),
        (1, VfAttributes(mac="02:00:00:00:00:10"), False),
        (7, VfAttributes(trust=False), False),
    ],
)
def test_an_attribute_is_read_off_ip_link(
    shell: list[str], tmp_path: Path, index: int, attributes: VfAttributes, holds: bool
) -> None:
    PortTree(root=tmp_path).make(numvfs=2)
    assert (_run(shell, tmp_path, undo_network.condition(_vf(index, attributes))) == 0) is holds


def test_the_number_goes_back_through_0_with_the_switch_first(shell: list[str], tmp_path: Path) -> None:
    host = PortTree(root=tmp_path).make(numvfs=4, autoprobe=False)
    back = SetVfCount(
        key="k",
        tunable="t",
        address=PF,
        before=VfCount(vfs=4, autoprobe=False),
        after=VfCount(vfs=2, autoprobe=True),
    )
    assert _run(shell, tmp_path, undo_network.condition(back.inverse())) == 0
    actions = list(undo_network.actions(back))
    assert [action.rpartition("/")[2] for action in actions] == [
        *("sriov_drivers_autoprobe 1", "sriov_numvfs 0", "sriov_numvfs 2")
    ]
    assert _run(shell, tmp_path, " && ".join(actions)) == 0
    assert host.text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs") == "2"
    assert _run(shell, tmp_path, undo_network.condition(back)) == 0


def test_a_driver_is_seen_with_its_override(shell: list[str], tmp_path: Path) -> None:
    PortTree(root=tmp_path).make(numvfs=2, drivers=["igbvf"], bound="igbvf")
    bound = BindDriver(
        key="k", tunable="t", address=PF, index=0, before=DriverBinding(), after=DriverBinding(driver="igbvf")
    )
    assert _run(shell, tmp_path, undo_network.condition(bound)) == 0
    assert _run(shell, tmp_path, undo_network.condition(bound.inverse())) != 0


@pytest.mark.parametrize(("vectors", "holds"), [(3, True), (2, False), (4, False)])
def test_vectors_are_found_through_the_list_of_capabilities(
    shell: list[str], tmp_path: Path, vectors: int, holds: bool
) -> None:
    PortTree(root=tmp_path).make(numvfs=2, vf_msix=64, msix=[3, 300])
    condition = undo_network.condition(_vf(0, VfAttributes(msix=vectors)))
    assert (_run(shell, tmp_path, condition) == 0) is holds
    assert _run(shell, tmp_path, undo_network.condition(_vf(1, VfAttributes(msix=300)))) == 0
    assert _run(shell, tmp_path, undo_network.condition(_vf(7, VfAttributes(msix=3)))) != 0


def test_a_configuration_space_that_is_cut_or_leads_in_circles_is_no_match(shell: list[str], tmp_path: Path) -> None:
    PortTree(root=tmp_path).make(numvfs=1, vf_msix=64, msix=[3])
    config = tmp_path / "sys/bus/pci/devices" / PortTree.vf(0) / "config"
    whole = config.read_bytes()
    condition = undo_network.condition(_vf(0, VfAttributes(msix=3)))
    for content in (whole[:64], whole[:0x41] + b"\x40" + whole[0x42:], b"\xff" * 256, b""):
        config.write_bytes(content)
        assert _run(shell, tmp_path, condition) != 0


@pytest.mark.parametrize("index", [None, 1])
def test_an_mtu_is_written_without_a_name(shell: list[str], tmp_path: Path, index: int | None) -> None:
    PortTree(root=tmp_path).make(numvfs=2, interfaces=True)
    change = SetLink(key="k", tunable="t", address=PF, index=index, before_mtu=1500, after_mtu=9000)
    assert _run(shell, tmp_path, undo_network.condition(change)) != 0
    assert _run(shell, tmp_path, " && ".join(undo_network.actions(change))) == 0
    assert _run(shell, tmp_path, undo_network.condition(change)) == 0


def test_the_mtu_of_a_virtio_port_is_found_one_step_lower(shell: list[str], tmp_path: Path) -> None:
    interface = tmp_path / f"sys/bus/pci/devices/{PF}/virtio2/net/eth0"
    interface.mkdir(parents=True)
    (interface / "mtu").write_text("1500\n")
    change = SetLink(key="k", tunable="t", address=PF, before_mtu=1500, after_mtu=9000)
    assert _run(shell, tmp_path, undo_network.condition(change)) != 0
    assert _run(shell, tmp_path, " && ".join(undo_network.actions(change))) == 0
    assert (interface / "mtu").read_text() == "9000\n"
    assert _run(shell, tmp_path, undo_network.condition(change)) == 0
