"""The machine as the planner sees it: cores, each on a node and below a last-level cache, and how far nodes are apart.

Odd machines are straightened out here once: a CPU that belongs to no core is a core of its own, one that belongs to no
node is on NOWHERE, cores without a last-level cache share one with the others of their node, and a lone core is split
into its threads, since otherwise nobody but the kernel would have a CPU.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts, NumaNode

NOWHERE = -1
"""The node of CPUs that no node names: a kernel without NUMA, or a tree in which it can't be read."""

_LOCAL, _REMOTE = 10, 20
"""What firmware gives itself and others where it has no opinion (ACPI, System Locality Information Table)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreSpot:
    """One physical core: its online threads in ascending order, and where it sits. `l3` only tells caches apart."""

    threads: tuple[int, ...]
    package: int
    node: int
    l3: int

    @property
    def first(self) -> int:
        return self.threads[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """`cores` is in the order of their first CPUs, `nodes` holds the nodes that have an online CPU, in order."""

    cores: tuple[CoreSpot, ...]
    nodes: tuple[int, ...]
    memory_nodes: tuple[int, ...]
    split: bool = False
    distances: dict[int, dict[int, int]] = field(default_factory=dict)

    def distance(self, one: int, other: int) -> int:
        return self.distances.get(one, {}).get(other, _LOCAL if one == other else _REMOTE)

    def nearest(self, node: int, among: Iterable[int]) -> int:
        """The nearest of some nodes, the node itself first; ValueError where there are none."""
        return min(among, key=lambda other: (self.distance(node, other), other != node, other))

    def cpu_node(self, node: int | None) -> int | None:
        """The node whose CPUs are nearest to a device on `node`; None where the bus doesn't say where it is."""
        if not self.nodes or node is None:
            return self.nodes[0] if len(self.nodes) == 1 else None
        return self.nearest(node, self.nodes)


def lay_out(facts: HostFacts) -> Layout:
    nodes = sorted(facts.numa_nodes, key=lambda node: node.id, reverse=True)
    node_of = {cpu: node.id for node in nodes for cpu in node.cpus.cpus}
    caches = sorted(sorted(domain.cpus.cpus) for domain in facts.cpus.l3_domains)
    l3_of = {cpu: number for number, cpus in enumerate(caches) for cpu in cpus}
    groups = list(_cores(facts))
    split = len(groups) == 1 and len(groups[0][0]) > 1
    if split:
        groups = [((cpu,), package) for threads, package in groups for cpu in threads]
    cores = []
    for threads, package in groups:
        node = node_of.get(threads[0], NOWHERE)
        # Below every real cache's number, so that it can't be one.
        l3 = l3_of.get(threads[0], -2 - node)
        cores.append(CoreSpot(threads=threads, package=package, node=node, l3=l3))
    return Layout(
        cores=tuple(sorted(cores, key=lambda core: core.first)),
        nodes=tuple(sorted({core.node for core in cores})),
        memory_nodes=tuple(sorted(node.id for node in facts.numa_nodes if _has_memory(node))),
        split=split,
        distances={node.id: node.distances for node in facts.numa_nodes},
    )


def _has_memory(node: NumaNode) -> bool:
    return node.memory_bytes is None or node.memory_bytes > 0


def _cores(facts: HostFacts) -> Iterator[tuple[tuple[int, ...], int]]:
    """The online threads and the package of each core; every online CPU is in exactly one."""
    left = set(facts.cpus.online)
    for core in facts.cpus.core_list:
        threads = sorted(core.threads.cpus & left)
        left.difference_update(threads)
        if threads:
            yield tuple(threads), core.package
    for cpu in sorted(left):
        yield (cpu,), 0


def cpus_of(cores: Iterable[CoreSpot]) -> CpuSet:
    return CpuSet.of(cpu for core in cores for cpu in core.threads)


def told(node: int) -> str:
    """A node in words; a kernel without NUMA has none."""
    return f"node {node}" if node >= 0 else "the machine"
