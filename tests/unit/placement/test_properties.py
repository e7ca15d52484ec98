"""What holds of every map: on every machine of the mission, and on machines that nobody has built."""

import random
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import Core, Cpus, HostFacts, L3Domain, Nic, NumaNode
from nodeagent.model.placement import CpuRole, Placement
from nodeagent.model.placement_settings import PlacementSettings, SmtSiblings
from nodeagent.tune.placement.planner import plan_placement
from tests.fixtures.generate_host import Port
from tests.fixtures.machines import MODELS, epyc
from tests.unit.placement.sections import VALIDATOR, section

T = TypeVar("T")

_RESERVED = (CpuRole.HOUSEKEEPING, CpuRole.INTERRUPTS, CpuRole.POH, CpuRole.XDP)


def _check_partition(facts: HostFacts, placement: Placement) -> None:
    """Every online CPU has exactly one role."""
    assert set(placement.roles) == set(CpuRole)
    assert sum(len(cpus) for cpus in placement.roles.values()) == len(facts.cpus.online)
    assert CpuSet.of(cpu for cpus in placement.roles.values() for cpu in cpus) == facts.cpus.online


def _cores(facts: HostFacts, cpus: CpuSet) -> int:
    """How many physical cores some CPUs belong to."""
    known = [core.threads for core in facts.cpus.core_list if core.threads & cpus]
    return len(known) + len(cpus - CpuSet.of(cpu for threads in known for cpu in threads))


def _shuffled(facts: HostFacts, seed: int) -> HostFacts:
    """The same machine, told in another order."""
    source = random.Random(seed)

    def mixed(items: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(source.sample(items, len(items)))

    cpus = replace(facts.cpus, core_list=mixed(facts.cpus.core_list), l3_domains=mixed(facts.cpus.l3_domains))
    return replace(
        facts,
        cpus=cpus,
        numa_nodes=mixed(facts.numa_nodes),
        nics=mixed(facts.nics),
        pci_devices=mixed(facts.pci_devices),
        block_devices=mixed(facts.block_devices),
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("nps", [1, 2, 4])
@pytest.mark.parametrize("sockets", [1, 2])
@pytest.mark.parametrize("smt", [True, False], ids=["smt", "no-smt"])
def test_every_server_of_the_mission_has_a_right_map_for_a_port_on_any_node(
    model: str, nps: int, sockets: int, smt: bool
) -> None:
    for node in range(nps * sockets):
        facts = epyc(model, nps=nps, sockets=sockets, smt=smt, ports=(Port(name="eth0", node=node, vfs=2),), nvme=4)
        placement = plan_placement(facts, VALIDATOR)
        _check_partition(facts, placement)
        _check_roles(facts, placement, node)
        _check_devices(facts, placement, node)


def _check_roles(facts: HostFacts, placement: Placement, node: int) -> None:
    local = facts.numa_nodes[node].cpus
    poh, xdp, interrupts = (placement.cpus(role) for role in (CpuRole.POH, CpuRole.XDP, CpuRole.INTERRUPTS))
    assert _cores(facts, poh) == _cores(facts, xdp) == 1
    assert _cores(facts, placement.cpus(CpuRole.HOUSEKEEPING)) == 2
    assert poh <= local
    assert xdp <= local
    assert interrupts
    assert interrupts <= local
    assert 0 in placement.cpus(CpuRole.HOUSEKEEPING)
    for core in facts.cpus.core_list:
        assert sum(bool(core.threads & cpus) for cpus in placement.roles.values()) == 1, "whole cores only"
    assert (_cores(facts, interrupts) == 4) is (placement.problems == ())
    below = next(domain.cpus for domain in facts.cpus.l3_domains if poh <= domain.cpus)
    loud = (xdp | interrupts | placement.cpus(CpuRole.HOUSEKEEPING)) & local
    if len(local - below) >= len(loud):
        assert not below & loud, "nothing loud beside PoH where there is room elsewhere"


def _check_devices(facts: HostFacts, placement: Placement, node: int) -> None:
    interrupts = placement.cpus(CpuRole.INTERRUPTS)
    allowed = interrupts | placement.cpus(CpuRole.HOUSEKEEPING)
    kinds = [device.kind for device in placement.devices]
    assert kinds == ["nic", "vf", "vf", *["nvme"] * 4]
    for device in placement.devices:
        assert CpuSet.of(device.interrupt_order) == device.interrupt_cpus
        if device.kind == "nvme":
            assert device.queues is None
            assert device.interrupt_cpus <= allowed
        else:
            assert (device.node, device.interrupt_cpus) == (node, interrupts)
            assert device.queues == _cores(facts, interrupts)
            firsts = device.interrupt_order[: device.queues]
            assert _cores(facts, CpuSet.of(firsts)) == device.queues, "a thread of each core before a second one"


_sections = st.builds(
    section,
    housekeeping=st.integers(1, 5),
    interrupts=st.integers(1, 9),
    poh=st.integers(0, 1),
    xdp=st.integers(0, 3),
    node=st.sampled_from(["auto", "0", "1", "3"]),
    siblings=st.sampled_from(SmtSiblings),
)
_servers = st.builds(
    epyc,
    st.sampled_from(sorted(MODELS)),
    nps=st.sampled_from([1, 2, 4]),
    sockets=st.sampled_from([1, 2]),
    smt=st.booleans(),
    ports=st.lists(
        st.builds(Port, name=st.sampled_from(["a", "b"]), node=st.integers(-1, 1), vfs=st.integers(0, 3)), max_size=3
    ).map(tuple),
    nvme=st.integers(0, 3),
)


@settings(max_examples=30, deadline=None)
@given(facts=_servers, wanted=_sections, seed=st.integers(0, 99))
def test_the_map_does_not_depend_on_the_order_in_which_a_machine_is_told(
    facts: HostFacts, wanted: PlacementSettings, seed: int
) -> None:
    assert plan_placement(_shuffled(facts, seed), wanted) == plan_placement(facts, wanted)


@settings(max_examples=25, deadline=None)
@given(facts=_servers, wanted=_sections)
def test_the_roles_do_not_depend_on_what_tunables_change(facts: HostFacts, wanted: PlacementSettings) -> None:
    """VFs, isolated CPUs, interrupts, link states and huge pages: a plan after an apply must find the same map."""
    roles = plan_placement(facts, wanted).roles
    isolated = roles[CpuRole.POH] | roles[CpuRole.XDP]
    tuned = replace(
        facts,
        cpus=replace(facts.cpus, isolated=isolated, nohz_full=isolated),
        nics=tuple(
            replace(nic, sriov=None, irqs=(7, 8), operstate="down", speed_mbps=None, mtu=9000, rx_queues=3)
            for nic in facts.nics
            if not nic.physical_function
        ),
    )
    assert plan_placement(tuned, wanted).roles == roles


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("nps", [1, 4])
def test_switching_second_threads_off_leaves_every_role_on_its_cores(model: str, nps: int) -> None:
    with_smt, without = (
        epyc(model, nps=nps, smt=smt, ports=(Port(name="eth0", node=nps - 1),)) for smt in (True, False)
    )
    first = without.cpus.online
    both = plan_placement(with_smt, VALIDATOR).roles
    assert {role: cpus & first for role, cpus in both.items()} == plan_placement(without, VALIDATOR).roles


@st.composite
def _odd_machines(draw: st.DrawFn) -> HostFacts:
    """Sparse CPU numbers, cores of one to four threads across anything, overlapping nodes and caches or none."""
    cpus = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=24)))
    online = CpuSet.of(cpus)
    cores: list[Core] = []
    left = list(cpus)
    for size in draw(st.lists(st.integers(1, 4), max_size=12)):
        threads, left = left[:size], left[size:]
        if threads:
            cores.append(Core(package=draw(st.integers(0, 1)), core=len(cores), threads=CpuSet.of(threads)))
    some = st.sets(st.integers(0, 44)).map(CpuSet.of)
    ids = sorted(draw(st.sets(st.integers(0, 9), max_size=4)))
    nodes = tuple(
        NumaNode(
            id=node,
            cpus=draw(some),
            memory_bytes=draw(st.sampled_from([None, 0, 2**30])),
            distances=draw(st.fixed_dictionaries({}, optional=dict.fromkeys(ids, st.integers(10, 40)))),
        )
        for node in ids
    )
    caches = tuple(L3Domain(id=number, cpus=draw(some)) for number in range(draw(st.integers(0, 3))))
    nics = tuple(
        Nic(name=f"eth{number}", pci_address=f"0000:0{number}:00.0", numa_node=draw(st.none() | st.integers(0, 11)))
        for number in range(draw(st.integers(0, 3)))
    )
    facts = epyc("7302P")
    about = Cpus(
        online=online,
        possible=online,
        isolated=CpuSet(),
        packages=None,
        cores=None,
        threads_per_core=None,
        l3_domains=caches,
        core_list=tuple(cores),
    )
    return replace(facts, cpus=about, numa_nodes=nodes, nics=nics)


@settings(max_examples=200, deadline=None)
@given(facts=_odd_machines(), wanted=_sections)
def test_every_odd_machine_has_a_map_that_holds_together(facts: HostFacts, wanted: PlacementSettings) -> None:
    placement = plan_placement(facts, wanted)
    _check_partition(facts, placement)
    asked = (wanted.housekeeping, wanted.interrupts, wanted.poh, wanted.xdp)
    lone = len(facts.cpus.core_list) == 1 and facts.cpus.core_list[0].threads == facts.cpus.online
    for role, setting in zip(_RESERVED, asked, strict=True):
        given = _cores(facts, placement.cpus(role))
        assert given <= setting.value
        if given < setting.value and not lone:
            assert any(problem.startswith(f"{role}: ") for problem in placement.problems), role
    if not lone:
        for one, other in combinations(_RESERVED, 2):
            shared = [core for core in facts.cpus.core_list if core.threads & placement.cpus(one)]
            assert not any(core.threads & placement.cpus(other) for core in shared), (one, other)
    if len(facts.cpus.online) > 1:
        assert placement.cpus(CpuRole.VALIDATOR)
    assert all(device.interrupt_cpus for device in placement.devices)
    assert plan_placement(_shuffled(facts, 1), wanted).roles == placement.roles


def test_a_thousand_cpus_are_no_trouble() -> None:
    facts = epyc("9654", sockets=2, ports=(Port(name="eth0", node=1),))
    many = CpuSet.of(range(1024))
    cores = tuple(Core(package=core // 128, core=core, threads=CpuSet.of([core, core + 512])) for core in range(512))
    caches = tuple(
        L3Domain(id=at, cpus=CpuSet.of([*range(at * 8, at * 8 + 8), *range(at * 8 + 512, at * 8 + 520)]))
        for at in range(64)
    )
    nodes = tuple(
        replace(facts.numa_nodes[node], cpus=CpuSet.of(cpu for cpu in many if cpu % 512 // 256 == node))
        for node in range(2)
    )
    large = replace(facts, cpus=replace(facts.cpus, online=many, core_list=cores, l3_domains=caches), numa_nodes=nodes)
    placement = plan_placement(large, section(housekeeping=8, interrupts=64, xdp=8))
    _check_partition(large, placement)
    assert placement.problems == ()
    assert str(placement.cpus(CpuRole.POH)) == "511,1023"
