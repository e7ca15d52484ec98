"""What a driver keeps of a port: what is seen of it, how it is written down, and how it is asked for."""

from pathlib import Path
from typing import Any

import pytest

from nodeagent.host import Host, changes
from nodeagent.model.change import Change
from nodeagent.model.errors import HostError
from nodeagent.model.ethtool_change import (
    FeatureState,
    SetChannels,
    SetCoalescing,
    SetFeatures,
    SetFlowHash,
    SetRings,
)
from nodeagent.model.port_settings import Channels, Coalescing, Feature, PortSettings, Rings
from nodeagent.tune.undo import ethtool as undo_ethtool
from tests.fixtures.ports import PF, PortTree
from tests.fixtures.tree import Tree

_TOLD: dict[str, Any] = {
    "channels": {"combined": 4, "rx": 0, "tx": 0, "other": 1},
    "rings": {"rx": 256, "tx": 512},
    "coalescing": {"adaptive_rx": False, "adaptive_tx": False, "rx_usecs": 3, "rx_frames": 0},
    "features": {"rx-gro": "on", "rx-lro": "off [fixed]", "tx-tcp-segmentation": "off [requested on]"},
    "udp4_hash": "sd",
    "table": [0, 1, 2, 3],
    "rx_rings": 4,
    "max": {"channels": {"combined": 8, "rx": 0, "tx": 0, "other": 1}, "rings": {"rx": 4096, "tx": 4096}},
}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return PortTree(root=tmp_path).make(numvfs=0, settings=_TOLD)


def _flag(name: str, *, active: bool, requested: bool | None = None) -> FeatureState:
    return FeatureState(name=name, active=active, requested=active if requested is None else requested)


_CHANGES: list[tuple[Change, str, str]] = [
    (
        SetChannels(key="k", tunable="t", address=PF, before=Channels(combined=4), after=Channels(combined=2)),
        "combined=4",
        "ethtool -L IF combined 2",
    ),
    (
        SetRings(key="k", tunable="t", address=PF, before=Rings(rx=256, tx=512), after=Rings(rx=4096, tx=512)),
        "rx=256 tx=512",
        "ethtool -G IF rx 4096 tx 512",
    ),
    (
        SetCoalescing(key="k", tunable="t", address=PF, before=Coalescing(rx_usecs=3), after=Coalescing(rx_usecs=10)),
        "rx_usecs=3",
        "ethtool -C IF rx-usecs 10",
    ),
    (
        SetCoalescing(
            key="k", tunable="t", address=PF, before=Coalescing(adaptive_rx=False), after=Coalescing(adaptive_rx=True)
        ),
        "adaptive_rx=off",
        "ethtool -C IF adaptive-rx on",
    ),
    (
        SetFeatures(
            key="k",
            tunable="t",
            address=PF,
            before=(_flag("tx-tcp-segmentation", active=False, requested=True), _flag("rx-gro", active=True)),
            after=(_flag("tx-tcp-segmentation", active=False), _flag("rx-gro", active=False)),
        ),
        "rx-gro=on tx-tcp-segmentation=off(requested-on)",
        "ethtool -K IF tx-tcp-segmentation off rx-gro off",
    ),
    (
        SetFlowHash(key="k", tunable="t", address=PF, flow="udp4", before="sd", after="sdfn"),
        "sd",
        "ethtool -N IF rx-flow-hash udp4 sdfn",
    ),
]


@pytest.mark.parametrize(("change", "state", "command"), _CHANGES, ids=lambda value: getattr(value, "kind", ""))
def test_a_change_sees_what_it_names_and_says_what_it_does(host: Host, change: Any, state: str, command: str) -> None:
    assert changes.observe(host, change).state == state == change.before_state()
    shown = f'"$(ls /sys/bus/pci/devices/{PF}/net /sys/bus/pci/devices/{PF}/virtio*/net 2>/dev/null | tail -n1)"'
    assert change.command().replace(shown, "IF") == command
    assert change.inverse().after_state() == state
    assert change.inverse().inverse() == change


@pytest.mark.parametrize("change", [change for change, _, _ in _CHANGES], ids=lambda change: change.kind)
def test_no_driver_sets_anything_in_a_tree_of_files(host: Host, change: Change) -> None:
    with pytest.raises(HostError, match="tree of files"):
        changes.perform(host, change)


@pytest.mark.parametrize("change", [change for change, _, _ in _CHANGES], ids=lambda change: change.kind)
def test_what_nobody_tells_is_an_error_with_the_command_that_shows_it(tmp_path: Path, change: Change) -> None:
    host = PortTree(root=tmp_path).make(numvfs=0)
    with pytest.raises(HostError, match="can't be read") as caught:
        changes.observe(host, change)
    assert "pf0" in (caught.value.remedy or "")


def test_a_port_that_is_gone_is_gone(tmp_path: Path) -> None:
    assert changes.observe(Host(root=tmp_path), _CHANGES[0][0]).gone


def test_the_interface_of_a_virtio_port_hangs_one_step_lower(tmp_path: Path) -> None:
    function = "/sys/bus/pci/devices/0000:00:03.0"
    tree = Tree(root=tmp_path)
    tree.files(f"{function}/virtio2/net/eth0", {"mtu": "1500"}, mode=0o644)
    tree.link("/sys/class/net/eth0", f"{function}/virtio2/net/eth0")
    host = Host(root=tmp_path)
    assert host.port("0000:00:03.0").interface == "eth0"
    assert host.port("0000:00:03.0").mtu == 1500
    assert host.port_settings("0000:00:03.0").interface == "eth0"


def test_the_bond_of_a_port_is_told_and_a_bridge_is_none(tmp_path: Path) -> None:
    host = PortTree(root=tmp_path).make(numvfs=0, settings=_TOLD)
    tree = Tree(root=tmp_path)
    tree.link(f"/sys/bus/pci/devices/{PF}/net/pf0/master", "/sys/class/net/br0")
    assert host.port_settings(PF).bond == ""
    tree.file("/sys/class/net/br0/bonding/mode", "active-backup 1")
    assert host.port_settings(PF).bond == "br0"


def test_flags_are_read_as_ethtool_prints_them(host: Host) -> None:
    assert host.port_settings(PF).features == (
        Feature(name="rx-gro", active=True, requested=True),
        Feature(name="rx-lro", active=False, requested=False, fixed=True),
        Feature(name="tx-tcp-segmentation", active=False, requested=True),
    )


@pytest.mark.parametrize(
    ("table", "rings", "even"),
    [
        ((0, 1, 2, 3), 4, True),
        ((0, 0, 1, 1, 2, 2, 3, 3), 4, True),
        ((0, 1, 2, 0), 3, True),
        ((0, 1, 0, 1), 4, False),
        ((0, 1, 2, 3), 2, False),
        ((), 4, True),
        (None, None, True),
    ],
)
def test_a_table_is_even_where_each_queue_has_its_share(
    table: tuple[int, ...] | None, rings: int | None, even: bool
) -> None:
    assert PortSettings(address=PF, table=table, rx_rings=rings).table_is_even is even


@pytest.mark.parametrize("change", [change for change, _, _ in _CHANGES], ids=lambda change: change.kind)
def test_the_script_has_a_condition_and_a_way_back_for_each(change: Any) -> None:
    assert PF in undo_ethtool.condition(change)
    assert all(action.startswith("set_port -") for action in undo_ethtool.actions(change.inverse()))
