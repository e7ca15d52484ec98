"""A machine as a drawing shows it: packages, their nodes, the last-level caches of those, cores, and devices where
they are attached; with the roles that a profile gives, or without. The JSON, the text and the SVG are made from this.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from textwrap import wrap

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts, Nic, NumaNode
from nodeagent.model.placement import CpuRole, DevicePlacement, Placement
from nodeagent.tune.placement.devices import PlacedDevice, find_devices
from nodeagent.tune.placement.layout import CoreSpot, Layout, lay_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One CPU; `role` is None where no profile places anything."""

    cpu: int
    role: CpuRole | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnCore:
    """A physical core: its online threads, the first one first."""

    threads: tuple[Thread, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """A last-level cache, or all cores of a node where none is known: `id` and `size_bytes` are None then."""

    id: int | None
    size_bytes: int | None
    cores: tuple[DrawnCore, ...]

    @property
    def cpus(self) -> CpuSet:
        return CpuSet.of(thread.cpu for core in self.cores for thread in core.threads)

    def roles(self) -> dict[CpuRole, CpuSet]:
        """Who has CPUs below it, in the order of the roles."""
        threads = [thread for core in self.cores for thread in core.threads]
        found = {role: CpuSet.of(thread.cpu for thread in threads if thread.role is role) for role in CpuRole}
        return {role: cpus for role, cpus in found.items() if cpus}


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A port, with its VFs counted, or a drive. By the map, `cpus` serve its interrupts and it has so many `queues`."""

    kind: str
    name: str
    address: str
    driver: str = ""
    vfs: int = 0
    cpus: CpuSet | None = None
    queues: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`id` is None on a machine without NUMA; `validator_memory` marks where the validator's memory belongs."""

    id: int | None
    memory_bytes: int | None = None
    distances: tuple[tuple[int, int], ...] = ()
    validator_memory: bool = False
    caches: tuple[Cache, ...] = ()
    devices: tuple[Device, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """`id` is None for what belongs to none: nodes without CPUs."""

    id: int | None
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """`elsewhere` are devices whose node the firmware doesn't tell."""

    hostname: str
    model: str
    profile: str | None
    packages: tuple[Package, ...]
    elsewhere: tuple[Device, ...] = ()
    placement: Placement | None = None


def make_topology(facts: HostFacts, *, profile: str | None) -> Topology:
    """Of facts with or without a placement."""
    layout = lay_out(facts)
    devices = dict(_devices(facts, layout))
    told: set[int] = set()
    packages = []
    for package, cores in groupby(sorted(layout.cores, key=_place), key=lambda core: core.package):
        nodes = tuple(_nodes(facts, list(cores), devices, told))
        packages.append(Package(id=package, nodes=nodes))
    bare = [node for node in sorted(facts.numa_nodes, key=lambda node: node.id) if node.id not in layout.nodes]
    if bare:
        packages.append(
            Package(id=None, nodes=tuple(_node(facts, node, (), devices.pop(node.id, ())) for node in bare))
        )
    elsewhere = tuple(device for left in devices.values() for device in left)
    return Topology(
        hostname=facts.platform.hostname,
        model=facts.cpus.model,
        profile=profile,
        packages=tuple(packages),
        elsewhere=elsewhere,
        placement=facts.placement,
    )


def _place(core: CoreSpot) -> tuple[int, ...]:
    return core.package, core.node, core.l3, core.first


def _nodes(
    facts: HostFacts, cores: list[CoreSpot], devices: dict[int, tuple[Device, ...]], told: set[int]
) -> Iterator[Node]:
    """Those of one package; the devices of a node that spans packages are told at its first mention."""
    known = {node.id: node for node in facts.numa_nodes}
    for number, mine in groupby(cores, key=lambda core: core.node):
        caches = tuple(_cache(facts, list(below)) for _, below in groupby(mine, key=lambda core: core.l3))
        yield _node(facts, known.get(number), caches, () if number in told else devices.pop(number, ()))
        told.add(number)


def _node(facts: HostFacts, node: NumaNode | None, caches: tuple[Cache, ...], devices: tuple[Device, ...]) -> Node:
    if node is None:
        return Node(id=None, caches=caches, devices=devices)
    home = facts.placement.memory_node if facts.placement else None
    return Node(
        id=node.id,
        memory_bytes=node.memory_bytes,
        distances=tuple(sorted(node.distances.items())),
        validator_memory=node.id == home,
        caches=caches,
        devices=devices,
    )


def _cache(facts: HostFacts, cores: list[CoreSpot]) -> Cache:
    drawn = tuple(
        DrawnCore(threads=tuple(Thread(cpu=cpu, role=_role(facts.placement, cpu)) for cpu in core.threads))
        for core in cores
    )
    known = next((domain for domain in facts.cpus.l3_domains if cores[0].first in domain.cpus), None)
    return Cache(id=known.id if known else None, size_bytes=known.size_bytes if known else None, cores=drawn)


def _role(placement: Placement | None, cpu: int) -> CpuRole | None:
    if placement is None:
        return None
    return next((role for role, cpus in placement.roles.items() if cpu in cpus), None)


def _devices(facts: HostFacts, layout: Layout) -> Iterator[tuple[int, tuple[Device, ...]]]:
    """Ports and drives by node; those of unknown place by a number that no node has, or by the only node there is."""
    found = list(find_devices(facts))
    only = layout.nodes[0] if len(layout.nodes) == 1 else None
    nics = {nic.pci_address: nic for nic in facts.nics}
    by_node: dict[int, list[Device]] = {}
    for device in found:
        if device.kind != "vf":
            node = device.node if device.node is not None else only
            vfs = sum(other.kind == "vf" and other.port == device.address for other in found)
            drawn = _device(device, vfs, nics.get(device.address), facts.placement)
            by_node.setdefault(_UNKNOWN if node is None else node, []).append(drawn)
    for node, devices in by_node.items():
        yield node, tuple(devices)


_UNKNOWN = -2


def _device(found: PlacedDevice, vfs: int, nic: Nic | None, placement: Placement | None) -> Device:
    placed: DevicePlacement | None = placement.device(found.address) if placement else None
    return Device(
        kind=found.kind,
        name=found.name,
        address=found.address,
        driver=nic.driver if nic else "",
        vfs=vfs,
        cpus=placed.interrupt_cpus if placed else None,
        queues=placed.queues if placed else None,
        reason=placed.reason if placed else "",
    )


def broken(text: str, width: int) -> list[str]:
    """A sentence over several lines: between words, and behind the commas of a CPU list; what is longer is cut."""
    words = re.sub(r",(?=\d)", f", {_JOIN}", " ".join(text.split()))
    lines = wrap(words, width, break_on_hyphens=False) or [""]
    return [line.replace(f" {_JOIN}", "").replace(_JOIN, "") for line in lines]


_JOIN = "\u2060"
"""Marks a break that was no blank before (WORD JOINER, which no text here has)."""
