"""Servers by name: what is counted, and how caches and nodes divide the CPUs."""

from collections.abc import Callable
from functools import cache

import pytest

from nodeagent.model.facts import HostFacts
from tests.fixtures.generate_host import GIB, generate_shape
from tests.fixtures.shapes import MIB, SHAPES

# name: packages, cores, threads per core, last-level caches, cores below each, MiB of each, NUMA nodes
COUNTS = {
    "epyc-7302p-nps1": (1, 16, 2, 8, 2, 16, 1),
    "epyc-7302p-nps4": (1, 16, 2, 8, 2, 16, 4),
    "epyc-7302p-nps1-smt-off": (1, 16, 1, 8, 2, 16, 1),
    "epyc-7451-interleaved": (1, 24, 2, 8, 3, 8, 1),
    "epyc-7451": (1, 24, 2, 8, 3, 8, 4),
    "epyc-7451-2s": (2, 48, 2, 16, 3, 8, 8),
    "epyc-7763-nps1": (1, 64, 2, 8, 8, 32, 1),
    "epyc-7763-nps4": (1, 64, 2, 8, 8, 32, 4),
    "epyc-7763-2s-nps1-smt-off": (2, 128, 1, 16, 8, 32, 2),
    "epyc-9454p-nps1": (1, 48, 2, 8, 6, 32, 1),
    "epyc-9454p-nps4": (1, 48, 2, 8, 6, 32, 4),
    "epyc-9654-2s-nps1": (2, 192, 2, 24, 8, 32, 2),
    "epyc-9654-2s-nps4": (2, 192, 2, 24, 8, 32, 8),
    "epyc-9654-nps4-smt-off": (1, 96, 1, 12, 8, 32, 4),
}


FactsOf = Callable[[str], HostFacts]


@pytest.fixture(scope="module", name="facts_of")
def generated(tmp_path_factory: pytest.TempPathFactory) -> FactsOf:
    """Facts by name, each tree made once."""
    return cache(lambda name: generate_shape(tmp_path_factory.mktemp(name), SHAPES[name]).facts())


def test_every_shape_is_counted_here() -> None:
    assert set(COUNTS) == set(SHAPES)


@pytest.mark.parametrize("name", COUNTS)
def test_a_server_is_counted(name: str, facts_of: FactsOf) -> None:
    facts = facts_of(name)
    packages, cores, threads, caches, cores_each, cache_mib, nodes = COUNTS[name]
    cpus = facts.cpus
    assert (cpus.packages, cpus.cores, cpus.threads_per_core) == (packages, cores, threads)
    assert len(cpus.online) == cores * threads
    assert [len(domain.cpus) for domain in cpus.l3_domains] == [cores_each * threads] * caches
    assert {domain.size_bytes for domain in cpus.l3_domains} == {cache_mib * MIB}
    assert [node.id for node in facts.numa_nodes] == list(range(nodes))
    assert facts.problems == ()


@pytest.mark.parametrize("name", COUNTS)
def test_caches_and_nodes_each_divide_the_cpus(name: str, facts_of: FactsOf) -> None:
    facts = facts_of(name)
    for groups in (
        [domain.cpus for domain in facts.cpus.l3_domains],
        [node.cpus for node in facts.numa_nodes],
        [core.threads for core in facts.cpus.core_list],
    ):
        assert sum(len(group) for group in groups) == len(facts.cpus.online)
        assert set().union(*groups) == set(facts.cpus.online)


def test_threads_of_a_core_are_half_the_cpus_apart(facts_of: FactsOf) -> None:
    facts = facts_of("epyc-7302p-nps4")
    assert str(facts.cpus.core_list[5].threads) == "5,21"
    assert str(facts.cpus.l3_domains[1].cpus) == "2-3,18-19"
    assert str(facts.numa_nodes[3].cpus) == "12-15,28-31"
    assert facts.numa_nodes[3].distances == {0: 12, 1: 12, 2: 12, 3: 10}
    assert facts.numa_nodes[3].memory_bytes == 64 * GIB


def test_drives_are_told_by_identity_link_and_use(facts_of: FactsOf) -> None:
    system, ledger, slow = facts_of("epyc-7302p-nps1").block_devices
    assert (system.serial, system.wwn[:4]) == ("S6CKNT0W700000", "eui.")
    assert [(part.name, part.start_bytes) for part in system.partitions] == [
        ("nvme0n1p1", 2**20),
        ("nvme0n1p2", 2**20),
    ]
    assert [mount.target for mount in system.mounts] == ["/"]
    assert [mount.target for mount in ledger.mounts] == ["/srv/ledger"]
    assert ledger.size_bytes == 3_840_755_982_336
    assert (slow.mounts, slow.transport, slow.driver, slow.numa_node) == ((), "nvme", "nvme", 0)
    assert slow.pcie is not None
    assert (slow.pcie.speed_gts, slow.pcie.speed_max_gts, slow.pcie.width) == (8.0, 16.0, 4)
    assert (slow.scheduler, slow.queue["scheduler"]) == ("none", "[none] mq-deadline kyber bfq")


def test_ports_show_link_queues_interrupts_and_virtual_functions(facts_of: FactsOf) -> None:
    up, down = facts_of("epyc-7302p-nps1").nics
    assert (up.speed_mbps, up.operstate, up.rx_queues, up.tx_queues) == (25000, "up", 8, 8)
    assert down.speed_mbps is None
    assert up.sriov is not None
    assert (up.sriov.total_vfs, up.sriov.configured_vfs) == (8, 0)
    assert len(up.irqs) == 8
    assert not set(up.irqs) & set(down.irqs)


def test_memory_slots_are_read_from_firmware(facts_of: FactsOf) -> None:
    memory = facts_of("epyc-7302p-nps1").memory
    assert memory.dimms_readable
    assert len(memory.dimms) == 9
    first, empty = memory.dimms[0], memory.dimms[-1]
    assert (first.locator, first.size_bytes, first.speed_mts) == ("DIMM_A1", 32 * GIB, 3200)
    assert (first.kind, first.ecc) == ("DDR4", True)
    assert (empty.locator, empty.size_bytes, empty.speed_mts, empty.kind) == ("DIMM_I1", 0, None, "")
