"""Changes of network cards on a tree of files, and what is made of the kernel's answers."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodeagent.host import Host, changes, netlink
from nodeagent.host.changes import knob, vf
from nodeagent.model.errors import HostError
from nodeagent.model.network_change import BindDriver, DriverBinding, SetLink, SetVf, SetVfCount, VfCount
from nodeagent.model.port import VfAttributes
from tests.fixtures.ports import PF, PortTree


@pytest.fixture
def port(tmp_path: Path) -> PortTree:
    return PortTree(root=tmp_path)


def _count(before: int, after: int, *, autoprobe: bool | None = None) -> SetVfCount:
    return SetVfCount(
        key="sriov:count",
        tunable="sriov",
        address=PF,
        before=VfCount(vfs=before, autoprobe=None if autoprobe is None else True),
        after=VfCount(vfs=after, autoprobe=autoprobe),
    )


def _writes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    written: list[tuple[str, str]] = []
    original = knob.write

    def write(host: Host, path: str, value: str) -> None:
        written.append((path.rpartition("/")[2], value))
        original(host, path, value)

    monkeypatch.setattr(knob, "write", write)
    return written


def test_vfs_are_made_with_the_switch_for_drivers_set_first(port: PortTree, monkeypatch: pytest.MonkeyPatch) -> None:
    host = port.make(numvfs=0)
    written = _writes(monkeypatch)
    change = _count(0, 4, autoprobe=False)
    assert changes.observe(host, change).state == change.before_state() == "vfs=0 autoprobe=1"
    changes.perform(host, change)
    assert written == [("sriov_drivers_autoprobe", "0"), ("sriov_numvfs", "4")]
    assert changes.observe(host, change).state == change.after_state()
    changes.perform(host, change.inverse())
    assert changes.observe(host, change).state == change.before_state()


@pytest.mark.parametrize(("before", "after", "numbers"), [(2, 4, ["0", "4"]), (4, 0, ["0"]), (0, 4, ["4"]), (4, 4, [])])
def test_the_way_leads_through_0_only_where_it_must(
    port: PortTree, monkeypatch: pytest.MonkeyPatch, before: int, after: int, numbers: list[str]
) -> None:
    host = port.make(numvfs=before)
    written = _writes(monkeypatch)
    changes.perform(host, _count(before, after))
    assert [value for name, value in written if name == "sriov_numvfs"] == numbers


def test_fewer_vfs_than_asked_for_are_an_error(port: PortTree, monkeypatch: pytest.MonkeyPatch) -> None:
    host = port.make(numvfs=0)
    monkeypatch.setattr(knob, "write", lambda host, path, value: None)
    with pytest.raises(HostError, match="for 4 VFs, it made 0"):
        changes.perform(host, _count(0, 4))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ERANGE, "sriov_totalvfs"),
        (errno.EBUSY, "plan again"),
        (errno.ENOENT, "can't make VFs"),
        (errno.ENOSPC, "interrupt vectors"),
        (errno.ENOMEM, "pci=realloc"),
        (errno.ENOMEM, "bus numbers"),
    ],
)
def test_an_errno_of_the_number_comes_with_what_to_do(
    port: PortTree, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    host = port.make(numvfs=0)

    def refuse(host: Host, path: str, value: str) -> None:
        raise HostError(f"cannot write {path}") from OSError(number, os.strerror(number))

    monkeypatch.setattr(knob, "write", refuse)
    with pytest.raises(HostError) as caught:
        changes.perform(host, _count(0, 4))
    assert words in (caught.value.remedy or "")


def test_a_write_that_hangs_is_left_alone_after_its_time(port: PortTree, monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Event

    from nodeagent.host.changes import vf_count

    host, never = port.make(numvfs=0), Event()
    monkeypatch.setattr(vf_count, "WRITE_LIMIT_SECONDS", 0.05)
    monkeypatch.setattr(knob, "write", lambda host, path, value: never.wait(30))
    with pytest.raises(HostError, match="the kernel is still at it"):
        changes.perform(host, _count(0, 4))
    never.set()


@pytest.mark.parametrize(
    ("state", "half"),
    [("vfs=0 autoprobe=0", True), ("vfs=4 autoprobe=1", True), ("vfs=3 autoprobe=1", False), ("vfs=0", False)],
)
def test_a_half_made_count_is_known(state: str, half: bool) -> None:
    assert changes.is_half_done(_count(2, 4, autoprobe=False), state) is half


def test_the_number_of_a_function_that_is_gone_is_gone(tmp_path: Path) -> None:
    assert changes.observe(Host(root=tmp_path), _count(0, 4)).gone


def _vf(before: VfAttributes, after: VfAttributes, *, rebind: str = "") -> SetVf:
    return SetVf(key="k", tunable="sriov", address=PF, index=1, before=before, after=after, rebind=rebind)


def test_a_vf_is_seen_through_the_attributes_that_the_change_names(port: PortTree) -> None:
    host = port.make(numvfs=2, vfs={1: {"vlan": 100, "qos": 3, "trust": True, "spoofchk": False}})
    change = _vf(VfAttributes(vlan=0, qos=0), VfAttributes(vlan=100, qos=3))
    assert changes.observe(host, change).state == change.after_state() == "vlan=100 qos=3"


def test_a_vf_that_was_taken_from_its_driver_is_half_done(port: PortTree) -> None:
    host = port.make(numvfs=2, vfs={1: {"mac": "02:00:00:00:00:01"}})
    change = _vf(VfAttributes(mac="02:00:00:00:00:01"), VfAttributes(mac="02:00:00:00:00:02"), rebind="iavf")
    state = changes.observe(host, change).state
    assert state == "mac=02:00:00:00:00:01 driver=none"
    assert changes.is_half_done(change, state)
    assert not changes.is_half_done(change, "mac=02:00:00:00:00:03 driver=iavf")


def test_attributes_that_nobody_tells_are_an_error_with_the_reason(port: PortTree) -> None:
    host = port.make(numvfs=2)
    with pytest.raises(HostError, match="can't be read"):
        changes.observe(host, _vf(VfAttributes(trust=False), VfAttributes(trust=True)))


def test_an_attribute_is_not_set_in_a_tree_of_files(port: PortTree) -> None:
    host = port.make(numvfs=2, vfs={1: {"trust": False}})
    with pytest.raises(HostError, match="tree of files"):
        changes.perform(host, _vf(VfAttributes(trust=False), VfAttributes(trust=True)))


def test_vectors_are_seen_in_the_table_of_the_vf_and_not_by_netlink(port: PortTree) -> None:
    host = port.make(numvfs=2, pf_driver="mlx5_core", vf_msix=64, msix=[3, 12])
    change = _vf(VfAttributes(msix=12), VfAttributes(msix=24), rebind="mlx5_core")
    state = changes.observe(host, change).state
    assert state == "msix=12 driver=none"
    assert changes.is_half_done(change, state)
    assert changes.observe(host, _vf(VfAttributes(msix=3), VfAttributes(msix=12))).state == "msix=12"


def test_a_table_that_can_not_be_read_is_an_error_with_the_command_that_shows_it(port: PortTree) -> None:
    host = port.make(numvfs=2, pf_driver="mlx5_core", vf_msix=64)
    with pytest.raises(HostError, match="MSI-X table") as caught:
        changes.observe(host, _vf(VfAttributes(msix=12), VfAttributes(msix=24)))
    assert "lspci" in (caught.value.remedy or "")


def test_vectors_of_a_port_that_shares_none_out_are_not_looked_for(port: PortTree) -> None:
    seen = port.make(numvfs=1, vf_msix=0, msix=[3]).port(PF)
    assert (seen.vf_msix, seen.vf(0) and seen.vfs[0].msix) == (0, None)


def test_the_number_of_vectors_is_written_to_the_file_of_the_vf(port: PortTree) -> None:
    host = port.make(numvfs=2, pf_driver="mlx5_core", vf_msix=64, msix=[3, 12])
    path = f"/sys/bus/pci/devices/{port.vf(1)}/sriov_vf_msix_count"
    host.path(path).touch()
    vf.set_vectors(host, "mlx5_core", host.port(PF).vfs[1], 24)
    assert host.text(path) == "24"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EBUSY, "a driver took the VF"),
        (errno.EOPNOTSUPP, "mlx5_core shares out no vectors"),
        (errno.ENOSPC, "no vectors left"),
        (errno.ENOMEM, "no vectors left"),
        (errno.EINVAL, "mlx5_core refuses the number"),
        (errno.EOVERFLOW, "more than the card gives"),
        (errno.ENOENT, "5.13"),
    ],
)
def test_an_errno_of_the_vectors_comes_with_what_to_do(
    port: PortTree, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    host = port.make(numvfs=1, pf_driver="mlx5_core", vf_msix=64, msix=[3])

    def refuse(host: Host, path: str, value: str) -> None:
        raise HostError(f"cannot write {path}") from OSError(number, os.strerror(number))

    monkeypatch.setattr(knob, "write", refuse)
    with pytest.raises(HostError) as caught:
        vf.set_vectors(host, "mlx5_core", host.port(PF).vfs[0], 24)
    assert words in (caught.value.remedy or "")


class _Live:
    """A host of files that says it is live; what would be written there is recorded, and answered as Linux does."""

    is_live = True

    def __init__(self, host: Host, *, refuse: int = 0) -> None:
        self.host, self.refuse = host, refuse
        self.written: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.host, name)

    def write(self, host: Host, path: str, value: str) -> None:
        name = path.rpartition("/")[2]
        self.written.append((name, value))
        if name == "sriov_vf_msix_count" and self.refuse:
            raise HostError(f"cannot write {path}") from OSError(self.refuse, os.strerror(self.refuse))
        link = self.host.path(f"/sys/bus/pci/devices/{value}/driver")
        if name == "unbind":
            link.unlink()
        elif name == "drivers_probe":
            link.symlink_to("../../../bus/pci/drivers/mlx5_core")


@pytest.mark.parametrize("bound", ["mlx5_core", ""])
def test_vectors_are_written_between_the_release_of_the_vf_and_its_return(
    port: PortTree, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    live = _Live(
        port.make(numvfs=2, pf_driver="mlx5_core", vf_msix=64, msix=[3, 12], bound=bound, interfaces=bool(bound))
    )
    monkeypatch.setattr(knob, "write", live.write)
    change = _vf(VfAttributes(msix=12), VfAttributes(msix=24), rebind=bound)
    vf.perform(live, replace(change, own_vectors=1))  # type: ignore[arg-type]  # it quacks like a Host
    around = ([("unbind", port.vf(1))], [("drivers_probe", port.vf(1))]) if bound else ([], [])
    assert live.written == [*around[0], ("sriov_vf_msix_count", "23"), *around[1]]


def test_a_vf_whose_vectors_were_refused_gets_its_driver_back_by_the_way_back(
    port: PortTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal comes while nobody has the VF; that is half a step, which rollback knows."""
    live = _Live(
        port.make(numvfs=2, pf_driver="mlx5_core", vf_msix=64, msix=[3, 12], bound="mlx5_core", interfaces=True),
        refuse=errno.ENOSPC,
    )
    monkeypatch.setattr(knob, "write", live.write)
    change = _vf(VfAttributes(msix=12), VfAttributes(msix=24), rebind="mlx5_core")
    with pytest.raises(HostError, match="cannot write") as caught:
        vf.perform(live, change)  # type: ignore[arg-type]  # it quacks like a Host
    assert "no vectors left" in (caught.value.remedy or "")
    left = changes.observe(live.host, change).state
    assert left == "msix=12 driver=none"
    assert changes.is_half_done(change, left)
    live.refuse = 0
    vf.perform(live, change.inverse())  # type: ignore[arg-type]  # it quacks like a Host
    assert changes.observe(live.host, change).state == change.before_state()
    assert live.host.port(PF).vfs[1].driver == "mlx5_core"


def test_a_vf_is_bound_by_override_and_probe(port: PortTree) -> None:
    host = port.make(numvfs=2, drivers=["vfio-pci"])
    change = BindDriver(
        key="k",
        tunable="sriov",
        address=PF,
        index=0,
        before=DriverBinding(),
        after=DriverBinding(driver="vfio-pci", override="vfio-pci"),
    )
    assert changes.observe(host, change).state == "driver=none override=none"
    vf = port.vf(0)
    (host.path(f"/sys/bus/pci/devices/{vf}") / "driver").symlink_to("../../../bus/pci/drivers/vfio-pci")
    assert changes.is_half_done(change, changes.observe(host, change).state)
    changes.perform(host, change)
    assert changes.observe(host, change).state == change.after_state()


def test_a_driver_that_is_not_loaded_is_told_with_the_command(port: PortTree) -> None:
    host = port.make(numvfs=1)
    change = BindDriver(
        key="k", tunable="t", address=PF, index=0, before=DriverBinding(), after=DriverBinding(driver="iavf")
    )
    with pytest.raises(HostError, match="no driver iavf") as caught:
        changes.perform(host, change)
    assert caught.value.remedy == "modprobe iavf"


@pytest.mark.parametrize("index", [None, 0])
def test_an_mtu_is_set_through_the_function_and_not_by_name(port: PortTree, index: int | None) -> None:
    host = port.make(numvfs=1, interfaces=True)
    change = SetLink(key="k", tunable="t", address=PF, index=index, before_mtu=1500, after_mtu=9000)
    assert changes.observe(host, change).state == "mtu=1500"
    changes.perform(host, change)
    assert changes.observe(host, change).state == "mtu=9000"
    changes.perform(host, change.inverse())
    assert changes.observe(host, change).state == "mtu=1500"


def test_a_port_is_read_with_its_vfs_and_what_the_index_says(port: PortTree) -> None:
    host = port.make(numvfs=2, vfs={0: {"trust": True}}, interfaces=True, autoprobe=False)
    seen = host.port(PF)
    assert (seen.interface, seen.driver, seen.mtu, seen.total_vfs, seen.configured_vfs) == ("pf0", "igb", 1500, 7, 2)
    assert seen.autoprobe is False
    assert [vf.interface for vf in seen.vfs] == ["vf0", "vf1"]
    assert [vf.attributes for vf in seen.vfs] == [VfAttributes(trust=True), None]
    assert seen.problem == ""


def test_no_function_is_a_port_without_anything(tmp_path: Path) -> None:
    seen = Host(root=tmp_path).port(PF)
    assert (seen.total_vfs, seen.configured_vfs, seen.vfs, seen.interface) == (None, None, (), "")
    assert "netlink" in seen.problem


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ({"mac": "02:00:00:00:00:01"}, {"mac": "02:00:00:00:00:01"}),
        ({"vlan": 100, "qos": 3}, {"vlan": {"vlan": 100, "qos": 3}}),
        ({"vlan": 100, "qos": 0, "proto": "802.1q"}, {"vlan": {"vlan": 100, "qos": 0}}),
        ({"vlan": 100, "qos": 0, "proto": "802.1ad"}, {"vlan": [{"vlan": 100, "qos": 0, "proto": 0x88A8}]}),
        ({"max_tx_rate": 100, "min_tx_rate": 0}, {"rate": {"max_tx_rate": 100, "min_tx_rate": 0}}),
        ({"trust": True}, {"trust": 1}),
        ({"spoofchk": False}, {"spoofchk": 0}),
        ({"link_state": "disable"}, {"link_state": 2}),
    ],
)
def test_what_is_asked_of_netlink(attributes: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert netlink.request(3, attributes) == {"vf": 3, **wanted}


def test_a_request_is_encoded_and_read_back_by_pyroute2() -> None:
    """The bytes that would be sent, decoded as if the kernel had sent them: no socket is opened."""
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    from pyroute2.requests.link import LinkIPRouteFilter

    netlink._mend_vlan_struct()
    asked = {
        "mac": "02:00:00:00:00:01",
        "vlan": 100,
        "qos": 3,
        "proto": "802.1ad",
        "max_tx_rate": 100,
        "min_tx_rate": 10,
        "trust": True,
        "spoofchk": False,
        "link_state": "enable",
    }
    message = ifinfmsg()
    message["attrs"] = [("IFLA_VFINFO_LIST", LinkIPRouteFilter("set").get_vf(netlink.request(3, asked)))]
    message.encode()
    sent = ifinfmsg(message.data)
    sent.decode()
    report = netlink.report(sent)
    assert {index: vf.given() for index, vf in report.vfs.items()} == {3: asked}
    # Twelve bytes of vf, vlan, qos, two of the protocol, two of padding, and the header of the attribute.
    assert b"\x14\x00\x01\x00\x03\x00\x00\x00\x64\x00\x00\x00\x03\x00\x00\x00\x88\xa8\x00\x00" in message.data
