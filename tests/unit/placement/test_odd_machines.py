"""Machines that no manual shows: too small, with holes, without nodes, caches or places; and selectors that miss."""

from dataclasses import replace

import pytest

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts, NumaNode
from nodeagent.model.placement import CpuRole, Placement
from nodeagent.model.selector import NicSelector
from nodeagent.tune.placement.planner import plan_placement
from tests.fixtures.generate_host import Drive, Port, Shape
from tests.fixtures.machines import epyc, machine
from tests.unit.placement.sections import VALIDATOR, section


def _vm(cpus: int, *, threads: int = 1) -> HostFacts:
    port = Port(name="eth0", driver="virtio_net", node=-1, total_vfs=None)
    return machine(Shape(l3_cores=(cpus // threads,), l3_bytes=0, threads=threads, ports=(port,), drives=(Drive(),)))


def _roles(placement: Placement) -> dict[str, str]:
    return {role.value: str(cpus) for role, cpus in placement.roles.items() if cpus}


@pytest.mark.parametrize(
    ("cpus", "roles", "short"),
    [
        (1, {"housekeeping": "0"}, ["housekeeping", "interrupts", "poh", "xdp", "validator"]),
        (2, {"housekeeping": "0", "validator": "1"}, ["housekeeping", "interrupts", "poh", "xdp"]),
        (3, {"housekeeping": "0", "interrupts": "1", "validator": "2"}, ["housekeeping", "interrupts", "poh", "xdp"]),
        (
            4,
            {"housekeeping": "0", "interrupts": "1", "poh": "3", "validator": "2"},
            ["housekeeping", "interrupts", "xdp"],
        ),
        (
            6,
            {"housekeeping": "0", "interrupts": "2-3", "poh": "5", "xdp": "1", "validator": "4"},
            ["housekeeping", "interrupts"],
        ),
    ],
)
def test_a_small_machine_gives_up_in_order_and_says_so(cpus: int, roles: dict[str, str], short: list[str]) -> None:
    placement = plan_placement(_vm(cpus), VALIDATOR)
    assert _roles(placement) == roles
    assert [problem.partition(":")[0] for problem in placement.problems] == short
    assert all("; " in problem for problem in placement.problems), "each ends with what to do"


def test_one_core_of_two_threads_is_shared_out_by_threads() -> None:
    placement = plan_placement(_vm(2, threads=2), VALIDATOR)
    assert _roles(placement) == {"housekeeping": "0", "validator": "1"}
    assert any(reason.startswith("cores:") for reason in placement.reasons)


def test_housekeeping_serves_interrupts_where_nobody_else_can() -> None:
    placement = plan_placement(_vm(2), section())
    assert [device.interrupt_order for device in placement.devices] == [(0,), (0,)]
    assert any("housekeeping serves interrupts" in problem for problem in placement.problems)


def test_no_readable_cpus_give_an_empty_map_and_the_reason() -> None:
    facts = _vm(4)
    facts = replace(facts, cpus=replace(facts.cpus, online=CpuSet(), core_list=(), l3_domains=()))
    placement = plan_placement(facts, VALIDATOR)
    assert placement.roles == dict.fromkeys(CpuRole, CpuSet())
    assert placement.devices == ()
    assert placement.problems[0].startswith("cpus:")


def test_an_unreadable_topology_makes_each_cpu_a_core_of_its_own() -> None:
    facts = _vm(4)
    facts = replace(facts, cpus=replace(facts.cpus, core_list=(), l3_domains=()), numa_nodes=())
    placement = plan_placement(facts, section(interrupts=1))
    assert _roles(placement) == {"housekeeping": "0", "interrupts": "1", "poh": "3", "validator": "2"}
    assert placement.memory_node is None
    assert "home: the whole machine, as the kernel shows no NUMA nodes" in placement.reasons
    assert placement.problems == ()


def test_offline_cpus_have_no_role_and_a_core_keeps_its_other_thread() -> None:
    offline = CpuSet.parse("0,5,95")
    facts = machine(replace(_shape_of_9454p(), offline=offline))
    placement = plan_placement(facts, section(xdp=1))
    assert _roles(placement) == {
        "housekeeping": "1,49",
        "poh": "47",
        "xdp": "6,54",
        "interrupts": "7-8,55-56",
        "validator": "2-4,9-46,48,50-53,57-94",
    }


def _shape_of_9454p() -> Shape:
    return Shape(l3_cores=(6,) * 8, ports=(Port(name="eth0"),))


def test_a_port_on_a_node_without_cpus_is_served_by_the_nearest_one() -> None:
    facts = epyc("7763", nps=2, smt=False, ports=(Port(name="eth0", node=7),))
    far = NumaNode(id=7, cpus=CpuSet(), memory_bytes=0, distances={0: 32, 1: 12, 7: 10})
    facts = replace(facts, numa_nodes=(*facts.numa_nodes, far))
    placement = plan_placement(facts, section(interrupts=2))
    assert "home: node 1, the nearest with CPUs to eth0" in placement.reasons
    assert str(placement.devices[0].interrupt_cpus) == "32-33"
    assert placement.devices[0].node == 7


def test_memory_goes_to_the_nearest_node_that_has_any() -> None:
    facts = epyc("7302P", smt=False, ports=(Port(name="eth0"),))
    bare = replace(facts.numa_nodes[0], memory_bytes=0, distances={0: 10, 2: 20, 3: 14})
    expander = NumaNode(id=3, cpus=CpuSet(), memory_bytes=2**36, distances={})
    other = NumaNode(id=2, cpus=CpuSet(), memory_bytes=2**36, distances={})
    placement = plan_placement(replace(facts, numa_nodes=(bare, other, expander)), section())
    assert placement.memory_node == 3


def test_a_port_of_unknown_place_is_a_problem_only_where_there_are_several_nodes() -> None:
    placeless = (Port(name="eth0", node=-1),)
    one = plan_placement(epyc("9454P", ports=placeless), section())
    assert one.problems == ()
    two = plan_placement(epyc("9454P", sockets=2, ports=placeless), section())
    assert two.problems[0].startswith("nic: the firmware doesn't say to which node eth0 is attached")
    assert "placement.node" in two.problems[0]
    assert str(two.devices[0].interrupt_cpus) == str(two.cpus(CpuRole.INTERRUPTS))


@pytest.mark.parametrize(
    ("nic", "problem"),
    [
        (NicSelector(driver="ice", count=1), "nic: no port is driver=ice count=1"),
        (NicSelector(driver="mlx5_core", count=1), "nic: driver=mlx5_core count=1 finds eth0 and eth1"),
    ],
)
def test_a_selector_that_misses_is_a_problem_and_no_error(nic: NicSelector, problem: str) -> None:
    facts = epyc("9454P", ports=(Port(name="eth0"), Port(name="eth1")))
    placement = plan_placement(facts, section(nic=nic))
    assert placement.problems[0].startswith(problem)
    assert len(placement.cpus(CpuRole.POH)) == 2


def test_a_node_that_is_not_there_is_a_problem_and_the_port_decides() -> None:
    placement = plan_placement(epyc("9654", sockets=2, ports=(Port(name="eth0", node=1),)), section(node="4"))
    assert placement.problems == ("node: node 4 has no online CPU here; set placement.node to auto or to one of 0, 1",)
    assert "home: node 1, to which eth0 is attached" in placement.reasons


def test_a_full_home_node_sends_poh_to_the_nearest_and_says_so() -> None:
    """Core 0 is all that the first node has."""
    facts = epyc("7763", nps=4, smt=False, ports=(Port(name="eth0"),))
    first, *others = facts.numa_nodes
    lone = replace(facts, numa_nodes=(replace(first, cpus=CpuSet.of([0])), *others))
    placement = plan_placement(lone, section(interrupts=3))
    assert any(
        problem.startswith("poh: CPU ") and "node 0 has no free core" in problem for problem in placement.problems
    )
    assert len(placement.cpus(CpuRole.POH)) == 1


def test_a_port_whose_driver_made_no_interface_shows_by_its_vfs() -> None:
    facts = epyc("9454P", ports=(Port(name="eth0", vfs=2),))
    only_vfs = replace(facts, nics=tuple(nic for nic in facts.nics if nic.physical_function))
    told = [(device.kind, device.name) for device in plan_placement(only_vfs, section()).devices]
    assert told == [("nic", "0000:10:00.0"), ("vf", "eth0v0"), ("vf", "eth0v1")]


def test_a_machine_without_ports_is_placed_from_its_first_node() -> None:
    placement = plan_placement(epyc("9654", sockets=2), section())
    assert placement.problems == ()
    assert str(placement.cpus(CpuRole.POH)) == "95,287"
