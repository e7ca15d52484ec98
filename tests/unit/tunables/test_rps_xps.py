"""rps-xps on machines of files: what is applied is done, what is undone never was."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.host import Host, changes
from nodeagent.model.change import Change, KnobForm, WriteFile
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.errors import ProfileError
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.profiles import load_profile
from nodeagent.tune.tunables.rps_xps import FLOW_ENTRIES, RPS_XPS, PortSteeringSettings, RpsXpsSettings
from tests.fixtures.irqs import IrqTree
from tests.fixtures.tree import Tree

PORT = "0000:81:00.0"
QUEUES = f"/sys/bus/pci/devices/{PORT}/net/data0/queues"


def _machine(root: Path, *, receive: int, transmit: int, mask: str, flows: int) -> Host:
    tree = Tree(root=root)
    tree.file("/sys/devices/system/cpu/online", "0-15")
    tree.file("/sys/devices/system/cpu/possible", "0-63")
    tree.file(FLOW_ENTRIES, str(flows))
    IrqTree(root=root).device(PORT, ["data0"], interface="data0")
    for at in range(receive):
        tree.files(f"{QUEUES}/rx-{at}", {"rps_cpus": mask, "rps_flow_cnt": str(flows)}, mode=0o644)
    for at in range(transmit):
        tree.file(f"{QUEUES}/tx-{at}/xps_cpus", mask)
    return Host(root=root)


def _plan(host: Host, wanted: RpsXpsSettings) -> tuple[Change, ...]:
    facts = host.facts(fresh=True)
    return RPS_XPS.plan(RPS_XPS.observe(host, wanted, facts), wanted, facts)


def _values(root: Path) -> dict[str, str]:
    files = [*root.glob("sys/bus/pci/devices/*/net/*/queues/*/*"), root / FLOW_ENTRIES[1:]]
    return {str(path): KnobForm.MASK.parse(path.read_text()) for path in files}


cpu_sets = st.frozensets(st.integers(0, 15), min_size=1).map(CpuSet.of)
modes = st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.WARN, Mode.IGNORE])


def _setting(values: st.SearchStrategy[Any], *, bounded: bool = False) -> st.SearchStrategy[Setting[Any] | None]:
    bounds = st.sampled_from(Bound) if bounded else st.just(Bound.EXACTLY)
    return st.none() | st.builds(Setting, value=values, bound=bounds, mode=modes)


entries = st.builds(
    PortSteeringSettings,
    name=st.just("one"),
    nic=st.just(NicSelector(driver="igb")),
    cpus=st.builds(Setting, value=cpu_sets.map(str)),
    rps_cpus=_setting(st.just("none") | cpu_sets.map(str)),
    rps_flow_cnt=_setting(st.integers(0, 65536), bounded=True),
    xps_cpus=_setting(st.sampled_from(["none", "own-queue"])),
)


@given(
    wanted=st.builds(
        RpsXpsSettings, flow_entries=_setting(st.integers(0, 65536), bounded=True), ports=st.tuples(entries)
    ),
    receive=st.integers(0, 3),
    transmit=st.integers(0, 5),
    before=st.builds(CpuSet) | cpu_sets,
    flows=st.sampled_from([0, 4096, 32768]),
)
@settings(max_examples=40, deadline=None)
def test_queues_applied_are_done_and_undone_never_were(
    wanted: RpsXpsSettings, receive: int, transmit: int, before: CpuSet, flows: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        host = _machine(root, receive=receive, transmit=transmit, mask=before.mask(width=64), flows=flows)
        original, made = _values(root), _plan(host, wanted)
        assert len({change.key for change in made}) == len(made)
        for change in made:
            assert changes.observe(host, change).state == change.before_state()
            changes.perform(host, change)
            assert changes.observe(host, change).state == change.after_state()
        assert _plan(host, wanted) == ()
        facts = host.facts()
        for finding in RPS_XPS.judge(RPS_XPS.observe(host, wanted, facts), wanted, facts).findings:
            assert finding.state != "drift" or finding.optional
            assert (finding.remedy == "") is (finding.state == "ok")
        for change in reversed(made):
            back = change.inverse()
            assert back is not None
            changes.perform(host, back)
        assert _values(root) == original


@given(cpus=cpu_sets, transmit=st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_every_cpu_has_a_transmit_queue_and_every_queue_a_cpu(cpus: CpuSet, transmit: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        host = _machine(Path(directory), receive=0, transmit=transmit, mask="0", flows=0)
        entry = PortSteeringSettings(
            name="one",
            nic=NicSelector(driver="igb"),
            cpus=Setting(value=str(cpus)),
            xps_cpus=Setting(value="own-queue"),
        )
        made = _plan(host, RpsXpsSettings(ports=(entry,)))
    shares = [CpuSet.parse_mask(change.after) for change in made if isinstance(change, WriteFile)]
    assert len(shares) == transmit
    assert all(shares)
    assert {cpu for share in shares for cpu in share} <= cpus.cpus
    assert transmit > len(cpus) or sum(map(len, shares)) == len(cpus)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ports: [{name: a, nic: {}, rps_cpus: none}]", "names no property"),
        ("ports: [{name: a, nic: {driver: igb}, xps_cpus: own-queue}]", "gives out `cpus`"),
        ("ports: [{name: a, nic: {driver: igb}, xps_cpus: all}]", "own-queue or none"),
        ("ports: [{name: a, nic: {driver: igb}, rps_cpus: nobody}]", "no role"),
        ("ports: [{name: a, nic: {driver: igb}, rps_cpus: '3-1'}]", "not a CPU range"),
        ("ports: [{name: a, nic: {driver: igb}, rps_cpus: '>= 3'}]", "a list of CPUs"),
        ("ports: [{name: a, nic: {driver: igb}, rps_flow_cnt: -1}]", "0 or more"),
        ("flow_entries: 1048577", "1048576 or less"),
        ("ports: [{name: a, nic: {driver: x}}, {name: a, nic: {driver: y}}]", "second entry"),
    ],
)
def test_what_can_not_be_meant_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"schema: 1\nsummary: one\ntune:\n  rps-xps:\n    {text}\n")
    with pytest.raises(ProfileError, match=message):
        load_profile(path, settings_types={"rps-xps": RPS_XPS.Settings}, search=())


@pytest.mark.parametrize(
    ("raw", "mask"),
    [
        ("00000000,00000003\n", "3"),
        ("3\n", "3"),
        ("00000001,00000000\n", "1,00000000"),
        ("0\n", "0"),
        ("00000000", "0"),
    ],
)
def test_a_mask_reads_the_same_however_many_cpus_there_can_be(raw: str, mask: str) -> None:
    assert KnobForm.MASK.parse(raw) == mask
