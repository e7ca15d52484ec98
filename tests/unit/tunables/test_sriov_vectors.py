"""MSI-X vectors of VFs: where one pool serves all, no plan that could work is refused, and all comes back."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.host import Host
from nodeagent.model.change import Change, Deferred, Risk
from nodeagent.model.network_change import SetVf
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Verdict
from nodeagent.tune.agreement import differences
from nodeagent.tune.conflicts import find_conflicts
from nodeagent.tune.ports.sriov_settings import SriovSettings, VfSettings
from nodeagent.tune.tunables.sriov import SRIOV
from tests.fixtures.ports import PF, PortTree
from tests.fixtures.sriov_machine import SriovMachine

_VF_DRIVERS = {"mlx5_core": "mlx5_core", "ice": "iavf"}


def _entry(driver: str, wanted: Sequence[int | None]) -> tuple[SriovSettings, ...]:
    vfs = tuple(
        VfSettings(index=str(index), msix=Setting(value=number))
        for index, number in enumerate(wanted)
        if number is not None
    )
    nic = NicSelector(driver=driver)
    return (SriovSettings(name="data", nic=nic, vfs=Setting(value=len(wanted)), vf=vfs),)


def _plan(host: Host, entries: tuple[SriovSettings, ...]) -> tuple[Any, ...]:
    facts = host.facts(fresh=True)
    return SRIOV.plan(SRIOV.observe(host, entries, facts), entries, facts)


def _judge(host: Host, entries: tuple[SriovSettings, ...]) -> Verdict:
    facts = host.facts(fresh=True)
    return SRIOV.judge(SRIOV.observe(host, entries, facts), entries, facts)


def _apply(machine: SriovMachine, entries: tuple[SriovSettings, ...]) -> list[Change]:
    """As the engine does: what is left of the plan must be what is planned anew after each step."""
    planned, made = list(_plan(machine.host, entries)), []
    assert find_conflicts(planned) == ()
    while planned:
        now = _plan(machine.host, entries)
        assert differences(planned, now) == ()
        item = planned.pop(0)
        step = next((found for found in now if found.key == item.key), None)
        assert not isinstance(step, Deferred)
        if step is not None:
            made.append(step)
            machine.perform(step)
    return made


_numbers = st.lists(st.none() | st.integers(2, 64), min_size=1, max_size=4)


@given(
    driver=st.sampled_from(sorted(_VF_DRIVERS)), wanted=_numbers, born_with=st.integers(2, 64), spare=st.integers(0, 3)
)
@settings(max_examples=30, deadline=None)
def test_whatever_fits_into_the_pool_is_shared_out_before_the_drivers_come(
    driver: str, wanted: list[int | None], born_with: int, spare: int
) -> None:
    expected = [born_with if number is None else number for number in wanted]
    pool = max(sum(expected), born_with * len(wanted)) + spare
    with TemporaryDirectory() as directory:
        machine = SriovMachine(
            Path(directory), driver=driver, vf_driver=_VF_DRIVERS[driver], pool=pool, born_with=born_with
        )
        entries = _entry(driver, wanted)
        _apply(machine, entries)
        assert [vf.msix for vf in machine.host.port(PF).vfs] == machine.vectors == expected
        assert _plan(machine.host, entries) == ()
        assert _judge(machine.host, entries).state == "ok"
        if any(wanted):
            assert all(machine.bound(index) for index in range(len(wanted)))


@given(driver=st.sampled_from(sorted(_VF_DRIVERS)), wanted=_numbers, born_with=st.integers(2, 64))
@settings(max_examples=30, deadline=None)
def test_the_way_back_gives_each_vf_what_it_had(driver: str, wanted: list[int | None], born_with: int) -> None:
    pool = max(sum(number or born_with for number in wanted), born_with * len(wanted))
    with TemporaryDirectory() as directory:
        machine = SriovMachine(
            Path(directory), driver=driver, vf_driver=_VF_DRIVERS[driver], pool=pool, born_with=born_with
        )
        machine.make(len(wanted))
        for change in reversed(_apply(machine, _entry(driver, wanted))):
            back = change.inverse()
            assert back is not None
            machine.perform(back)
        assert [vf.msix for vf in machine.host.port(PF).vfs] == machine.vectors == [born_with] * len(wanted)
        assert not any(machine.bound(index) for index in range(len(wanted)))


@given(wanted=st.lists(st.integers(2, 64), min_size=2, max_size=4), short=st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_more_than_there_are_is_told_and_none_of_it_planned(wanted: list[int], short: int) -> None:
    with TemporaryDirectory() as directory:
        host = PortTree(root=Path(directory)).make(
            numvfs=len(wanted), pf_driver="mlx5_core", vf_msix=sum(wanted) - short, msix=[1] * len(wanted)
        )
        entries = _entry("mlx5_core", wanted)
        assert [item for item in _plan(host, entries) if item.key.endswith("msix")] == []
        found = [finding for finding in _judge(host, entries).findings if finding.id == "NA-SRIOV-015"]
        assert [(finding.state, finding.wanted) for finding in found] == [("unknown", f"{sum(wanted)} in all")]


def test_a_vf_with_a_driver_is_taken_from_it_and_given_back(tmp_path: Path) -> None:
    host = PortTree(root=tmp_path).make(
        numvfs=1, pf_driver="ice", drivers=["iavf"], bound="iavf", interfaces=True, vf_msix=64, msix=[17]
    )
    (change,) = _plan(host, _entry("ice", [33]))
    assert isinstance(change, SetVf)
    assert (change.rebind, change.risk, change.own_vectors) == ("iavf", Risk.LINK_FLAP, 1)
    vf = f'"$(basename $(readlink /sys/bus/pci/devices/{PF}/virtfn0))"'
    assert change.command() == (
        f"echo {vf} > /sys/bus/pci/drivers/iavf/unbind"
        f" && echo 32 > /sys/bus/pci/devices/{PF}/virtfn0/sriov_vf_msix_count"
        f" && echo {vf} > /sys/bus/pci/drivers/iavf/bind"
    )


def test_vectors_are_shared_out_before_anything_else_is_set_and_the_smallest_first(tmp_path: Path) -> None:
    """Ice sets a VF up anew for them, and a pool that was dealt out has nothing left until some are given back."""
    host = PortTree(root=tmp_path).make(numvfs=0, pf_driver="mlx5_core", vf_msix=64)
    (entry,) = _entry("mlx5_core", [24, 4, 12])
    trust = VfSettings(index="0-2", trust=Setting(value=True), mac=None)
    entries = (replace(entry, vf=(*entry.vf, trust)),)
    keys = [item.key.partition(f"{PF}:")[2] for item in _plan(host, entries)]
    assert keys[:5] == ["vfs", "vf1:msix", "vf2:msix", "vf0:msix", "vf0:trust"]
