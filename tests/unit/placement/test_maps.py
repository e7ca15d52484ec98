"""Whole maps of the machines that are asked of us, worked out by hand from the rules in docs/placement.md."""

from dataclasses import replace
from pathlib import Path

import pytest

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.placement import CpuRole, Placement
from nodeagent.model.placement_settings import SmtSiblings
from nodeagent.model.selector import NicSelector
from nodeagent.tune.placement.planner import plan_placement
from tests.fixtures.generate_host import Port, generate_shape
from tests.fixtures.machines import epyc, machine
from tests.fixtures.shapes import SHAPES
from tests.unit.placement.sections import VALIDATOR, section


def _server(model: str, *, nps: int = 1, sockets: int = 1, smt: bool = True, nic_node: int = 0) -> HostFacts:
    return epyc(model, nps=nps, sockets=sockets, smt=smt, ports=(Port(name="eth0", node=nic_node),), nvme=4)


def _roles(placement: Placement) -> dict[str, str]:
    assert set(placement.roles) == set(CpuRole)
    return {role.value: str(cpus) for role, cpus in placement.roles.items()}


@pytest.mark.parametrize("name", ["epyc-7451-2s", "epyc-9454p-nps4", "epyc-9654-nps4-smt-off"])
def test_a_machine_in_memory_is_what_the_reader_says_of_its_tree(tmp_path: Path, name: str) -> None:
    shape = SHAPES[name]
    read, made = generate_shape(tmp_path, shape).facts(), machine(shape)
    assert made.cpus.core_list
    assert [core.threads for core in made.cpus.core_list] == [core.threads for core in read.cpus.core_list]
    assert made.cpus.l3_domains == read.cpus.l3_domains
    assert made.numa_nodes == tuple(replace(node, hugepages=()) for node in read.numa_nodes)


@pytest.mark.parametrize(
    ("facts", "housekeeping", "poh", "xdp", "interrupts"),
    [
        # Caches of two cores: 0-1, 2-3, .. 14-15. XDP opens the second, interrupts fill it and go on with the third.
        (_server("7302P"), "0-1,16-17", "15,31", "2,18", "3-6,19-22"),
        # Four cores a node: with PoH and XDP there only two are left for interrupts.
        (_server("7302P", nps=4, nic_node=3), "0,4,16,20", "15,31", "12,28", "13-14,29-30"),
        # Naples: four dies of two caches with three cores each.
        (_server("7451", nps=4, nic_node=2), "0,6,24,30", "17,41", "12,36", "13-16,37-40"),
        (_server("7451", nps=4, sockets=2, nic_node=5), "0,6,48,54", "35,83", "30,78", "31-34,79-82"),
        # Milan: caches of eight cores.
        (_server("7763"), "0-1,64-65", "63,127", "8,72", "9-12,73-76"),
        (_server("7763", nps=2, nic_node=1), "0,32,64,96", "63,127", "40,104", "41-44,105-108"),
        (_server("7763", nps=4, nic_node=1), "0,32,64,96", "31,95", "16,80", "17-20,81-84"),
        # Genoa with two cores of each cache switched off.
        (_server("9454P"), "0-1,48-49", "47,95", "6,54", "7-10,55-58"),
        (_server("9454P", nps=4, nic_node=3), "0,12,48,60", "47,95", "36,84", "37-40,85-88"),
        # Two sockets: all that belongs to the port is on its own.
        (_server("9654", sockets=2, nic_node=1), "0,96,192,288", "191,383", "104,296", "105-108,297-300"),
        (_server("9654", nps=4, sockets=2, nic_node=7), "0,24,192,216", "191,383", "168,360", "169-172,361-364"),
        (_server("9654", smt=False), "0-1", "95", "8", "9-12"),
    ],
    ids=[
        "7302P NPS1",
        "7302P NPS4",
        "7451",
        "2 x 7451",
        "7763 NPS1",
        "7763 NPS2",
        "7763 NPS4",
        "9454P NPS1",
        "9454P NPS4",
        "2 x 9654 NPS1",
        "2 x 9654 NPS4",
        "9654 without SMT",
    ],
)
def test_the_map_of_a_validator_is(facts: HostFacts, housekeeping: str, poh: str, xdp: str, interrupts: str) -> None:
    roles = _roles(plan_placement(facts, VALIDATOR))
    rest = facts.cpus.online
    for cpus in (housekeeping, poh, xdp, interrupts):
        rest -= CpuSet.parse(cpus)
    assert roles == {
        "housekeeping": housekeeping,
        "poh": poh,
        "xdp": xdp,
        "interrupts": interrupts,
        "validator": str(rest),
    }


def test_devices_are_served_on_their_own_node() -> None:
    facts = epyc(
        "9654",
        sockets=2,
        nvme=2,
        ports=(Port(name="ens1", node=1, vfs=2), Port(name="mgmt", driver="igb", node=0, total_vfs=None)),
    )
    wanted = section(housekeeping=2, interrupts=3, nic=NicSelector(driver="mlx5_core", count=1))
    placement = plan_placement(facts, wanted)
    assert placement.problems == ()
    told = [
        (device.kind, device.name, device.node, device.interrupt_order, device.queues) for device in placement.devices
    ]
    assert told == [
        ("nic", "ens1", 1, (97, 98, 99, 289, 290, 291), 3),
        ("vf", "ens1v0", 1, (97, 98, 99, 289, 290, 291), 3),
        ("vf", "ens1v1", 1, (97, 98, 99, 289, 290, 291), 3),
        ("nic", "mgmt", 0, (0, 192), 1),
        ("nvme", "nvme0n1", 0, (0, 192), None),
        ("nvme", "nvme1n1", 1, (97, 98, 99, 289, 290, 291), None),
    ]
    assert placement.device("0000:10:00.0") is placement.devices[0]
    assert placement.device("0000:99:00.0") is None


def test_interrupts_and_xdp_are_shared_out_over_the_nodes_of_the_ports() -> None:
    ports = (Port(name="ens1", node=0), Port(name="ens2", node=1))
    placement = plan_placement(epyc("9454P", sockets=2, smt=False, ports=ports), section(interrupts=4, xdp=2))
    assert _roles(placement) | {"validator": ""} == {
        "housekeeping": "0",
        "poh": "47",
        "xdp": "6,48",
        "interrupts": "7-8,49-50",
        "validator": "",
    }
    assert [str(device.interrupt_cpus) for device in placement.devices] == ["7-8", "49-50"]


def test_the_second_threads_of_poh_and_xdp_are_the_validators_where_the_profile_keeps_them() -> None:
    placement = plan_placement(_server("9454P"), section(xdp=1, siblings=SmtSiblings.KEEP))
    roles = _roles(placement)
    assert (roles["poh"], roles["xdp"]) == ("47", "6")
    assert {54, 95} <= set(placement.cpus(CpuRole.VALIDATOR))
    assert any("the second thread is the validator's" in reason for reason in placement.reasons)


def test_the_home_node_can_be_named_and_the_port_keeps_its_own() -> None:
    placement = plan_placement(_server("7763", sockets=2, smt=False, nic_node=0), section(node="1", xdp=1))
    assert (str(placement.cpus(CpuRole.POH)), str(placement.cpus(CpuRole.XDP))) == ("127", "8")
    assert "home: node 1, as the profile says" in placement.reasons


@pytest.mark.parametrize(
    ("facts", "node"),
    [(_server("9454P"), 0), (_server("9454P", nps=4), None), (_server("9654", sockets=2), None)],
    ids=["one node", "four nodes", "two sockets"],
)
def test_memory_has_a_node_only_where_the_validator_has_one(facts: HostFacts, node: int | None) -> None:
    assert plan_placement(facts, VALIDATOR).memory_node == node


def test_a_validator_that_is_left_with_one_socket_has_its_memory_there() -> None:
    facts = _server("7302P", sockets=2, smt=False, nic_node=0)
    placement = plan_placement(facts, section(housekeeping=1, interrupts=14))
    assert str(placement.cpus(CpuRole.VALIDATOR)) == "16-31"
    assert placement.memory_node == 1
    assert placement.problems == ()


def test_every_choice_is_told_in_a_sentence_that_begins_with_what_it_is_about() -> None:
    placement = plan_placement(_server("9454P"), VALIDATOR)
    heads = [reason.partition(":")[0] for reason in placement.reasons]
    assert heads == ["home", "housekeeping", "poh", "xdp", "interrupts", "validator", "memory"]
    assert all(device.reason for device in placement.devices)
