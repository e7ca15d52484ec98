"""irq-affinity on machines of files: what is applied is done, what is undone never was, and room is counted first."""

import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.host import Host, changes
from nodeagent.model.change import Change
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.errors import ProfileError
from nodeagent.model.facts import HostFacts
from nodeagent.model.irq_change import SetIrqAffinity
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Mode, Setting
from nodeagent.profiles import load_profile
from nodeagent.tune.interrupts.settings import DeviceIrqSettings, IrqAffinitySettings, Spread
from nodeagent.tune.interrupts.vector_space import VECTORS_PER_CPU, VectorSpace
from nodeagent.tune.tunables.irq_affinity import IRQ_AFFINITY
from tests.fixtures.irqs import IrqTree, ice_actions, igb_actions, mlx5_actions
from tests.fixtures.tree import Tree

PORT, OTHER, VF = "0000:81:00.0", "0000:82:00.0", "0000:81:10.0"


def _machine(root: Path, *, cpus: str = "0-15", vendor: str = "AuthenticAMD") -> IrqTree:
    tree = Tree(root=root)
    tree.file("/sys/devices/system/cpu/online", cpus)
    tree.file("/sys/devices/system/cpu/possible", cpus)
    tree.file("/proc/cpuinfo", f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: one")
    tree.file("/proc/irq/default_smp_affinity", "ffff")
    return IrqTree(root=root, cpus=cpus)


def _settings(cpus: str, *, mode: Mode = Mode.ENFORCE, vfs: bool = False, spread: Spread = Spread.ONE_PER_QUEUE) -> Any:
    entry = DeviceIrqSettings(
        name="data",
        nic=NicSelector(driver="*"),
        vfs=vfs,
        cpus=Setting(value=cpus, mode=mode),
        spread=spread,
    )
    return IrqAffinitySettings(default=Setting(value=cpus, mode=mode), devices=(entry,))


def _facts(host: Host) -> HostFacts:
    return host.facts(fresh=True)


def _plan(host: Host, wanted: Any) -> tuple[Change, ...]:
    facts = _facts(host)
    items = IRQ_AFFINITY.plan(IRQ_AFFINITY.observe(host, wanted, facts), wanted, facts)
    return tuple(item for item in items if isinstance(item, Change))


def _findings(host: Host, wanted: Any) -> list[tuple[str, str | None]]:
    facts = _facts(host)
    verdict = IRQ_AFFINITY.judge(IRQ_AFFINITY.observe(host, wanted, facts), wanted, facts)
    for finding in verdict.findings:
        assert (finding.remedy == "") is (finding.state == "ok"), finding
    return [(finding.state.value, finding.id) for finding in verdict.findings]


def _masks(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.glob("proc/irq/**/*affinity*"))}


cpu_lists = st.frozensets(st.integers(0, 15), min_size=1).map(lambda cpus: str(CpuSet.of(cpus)))


@given(
    wanted=cpu_lists,
    allowed=cpu_lists,
    queues=st.integers(0, 9),
    fixed=st.frozensets(st.integers(0, 9), max_size=3),
    paired=st.booleans(),
    vfs=st.booleans(),
    spread=st.sampled_from(Spread),
    mode=st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.WARN, Mode.IGNORE]),
)
@settings(max_examples=40, deadline=None)
def test_interrupts_applied_are_done_and_undone_never_were(
    wanted: str,
    allowed: str,
    queues: int,
    fixed: frozenset[int],
    paired: bool,
    vfs: bool,
    spread: Spread,
    mode: Mode,
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        tree = _machine(root)
        actions = igb_actions("data0", queues, paired=paired)
        tree.device(PORT, actions, interface="data0", allowed=allowed, fixed=sorted(fixed))
        tree.device(VF, ["vf0", "vf0-rx-0"], driver="igbvf", interface="vf0", pf=PORT)
        before, host = _masks(root), tree.host()
        asked = _settings(wanted, mode=mode, vfs=vfs, spread=spread)
        made = _plan(host, asked)
        assert len({change.key for change in made}) == len(made)
        assert bool(made) <= (mode is Mode.ENFORCE)
        for change in made:
            assert changes.observe(host, change).state == change.before_state()
            changes.perform(host, change)
            assert changes.observe(host, change).state == change.after_state()
            assert not isinstance(change, SetIrqAffinity) or change.after <= CpuSet.parse(wanted)
        assert _plan(host, asked) == ()
        if mode is Mode.ENFORCE:
            assert ("drift", None) not in _findings(host, asked)
        for change in reversed(made):
            back = change.inverse()
            assert back is not None
            changes.perform(host, back)
        after = _masks(root)
        # A mask is written without the zeroes that the kernel puts before it.
        assert after == before


def test_no_queue_shares_a_cpu_while_another_cpu_is_free(tmp_path: Path) -> None:
    tree = _machine(tmp_path)
    tree.device(PORT, ice_actions("data0", 8), driver="ice", interface="data0")
    tree.device(OTHER, mlx5_actions(OTHER, 8), driver="mlx5_core", interface="data1")
    queues = [c for c in _plan(tree.host(), _settings("0-15")) if isinstance(c, SetIrqAffinity) and len(c.after) == 1]
    assert sorted(str(change.after) for change in queues) == sorted(map(str, range(16)))


def test_a_reloaded_driver_is_found_again_and_what_was_set_is_wanted_again(tmp_path: Path) -> None:
    tree = _machine(tmp_path)
    actions = igb_actions("data0", 2)
    tree.device(PORT, actions, interface="data0")
    asked = _settings("4-5")
    first = _plan(tree.host(), asked)
    for change in first:
        changes.perform(tree.host(), change)
    tree.reload(PORT, actions)
    again = _plan(tree.host(), asked)
    assert [change.key for change in again] == [change.key for change in first if change.key != "irq-affinity:default"]


def test_more_interrupts_than_the_cpus_have_vectors_are_told_before_anything_is_written(tmp_path: Path) -> None:
    tree = _machine(tmp_path)
    actions = ice_actions("data0", VECTORS_PER_CPU + 20)
    tree.device(PORT, actions, driver="ice", interface="data0", effective=[str(at % 16) for at in range(len(actions))])
    told = _findings(tree.host(), _settings("3"))
    crowded = told.count(("unknown", "NA-IRQ-005"))
    assert crowded == len(actions) - VECTORS_PER_CPU
    assert sum(isinstance(c, SetIrqAffinity) for c in _plan(tree.host(), _settings("3"))) == VECTORS_PER_CPU
    assert ("unknown", "NA-IRQ-005") not in _findings(tree.host(), _settings("3-4"))


def test_what_fires_on_the_cpu_already_counts(tmp_path: Path) -> None:
    tree = _machine(tmp_path)
    tree.device(OTHER, [f"x{at}" for at in range(VECTORS_PER_CPU - 2)], driver="other", effective=["3"] * 198)
    tree.device(PORT, igb_actions("data0", 4), interface="data0", effective=["0"] * 5)
    asked = IrqAffinitySettings(
        devices=(DeviceIrqSettings(name="a", nic=NicSelector(driver="igb"), cpus=Setting(value="3")),)
    )
    assert _findings(tree.host(), asked).count(("unknown", "NA-IRQ-005")) == 3


def test_another_processor_has_no_such_limit(tmp_path: Path) -> None:
    tree = _machine(tmp_path, vendor="ARM")
    tree.device(PORT, ice_actions("data0", VECTORS_PER_CPU + 20), driver="ice", interface="data0")
    assert ("unknown", "NA-IRQ-005") not in _findings(tree.host(), _settings("3"))


def test_an_interrupt_that_may_use_several_cpus_takes_the_emptiest() -> None:
    space = VectorSpace({0: VECTORS_PER_CPU, 1: VECTORS_PER_CPU - 1})
    assert space.take(CpuSet.of([0, 1]))
    assert not space.take(CpuSet.of([0, 1]))
    space.leave(CpuSet.of([0]))
    assert space.take(CpuSet.of([0, 1]))


def test_a_machine_of_4096_interrupts_is_read_in_well_under_a_second(tmp_path: Path) -> None:
    tree = _machine(tmp_path, cpus="0-767")
    for port in range(8):
        address = f"0000:8{port}:00.0"
        tree.device(address, ice_actions(f"data{port}", 511, address), driver="ice", interface=f"data{port}")
    host, asked = tree.host(), _settings("0-63")
    facts = _facts(host)
    started = time.process_time()
    observed = IRQ_AFFINITY.observe(host, asked, facts)
    items = IRQ_AFFINITY.plan(observed, asked, facts)
    assert len(items) == 4096 + 1
    assert time.process_time() - started < 5  # 0.6 s measured; a tree of files is slower than procfs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("devices: [{name: a, cpus: '1'}]", "one of nic and nvme"),
        ("devices: [{name: a, nic: {driver: igb}, nvme: {transport: nvme}, cpus: '1'}]", "one of nic and nvme"),
        ("devices: [{name: a, nic: {driver: igb}}]", "a port needs cpus"),
        ("devices: [{name: a, nic: {}, cpus: '1'}]", "names no property"),
        ("devices: [{name: a, nvme: {}}]", "names no property"),
        ("devices: [{name: a, nvme: {transport: nvme}, cpus: '1'}]", "the kernel alone"),
        ("devices: [{name: a, nvme: {transport: nvme}, vfs: true}]", "no virtual functions"),
        ("devices: [{name: a, nic: {driver: igb}, cpus: '3-1'}]", "not a CPU range"),
        ("devices: [{name: a, nic: {driver: igb}, cpus: '>= 1'}]", "a list of CPUs"),
        ("devices: [{name: a, nic: {driver: igb}, cpus: nobody}]", "roles of the placement"),
        ("default: poh+nobody", "roles of the placement"),
        ("devices: [{name: a, nic: {driver: x}, cpus: '1'}, {name: a, nic: {driver: y}, cpus: '1'}]", "second entry"),
    ],
)
def test_what_can_not_be_meant_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"schema: 1\nsummary: one\ntune:\n  irq-affinity:\n    {text}\n")
    with pytest.raises(ProfileError, match=message):
        load_profile(path, settings_types={"irq-affinity": IRQ_AFFINITY.Settings}, search=())
