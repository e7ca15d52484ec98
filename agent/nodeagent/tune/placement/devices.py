"""Who serves the interrupts of each device: its own node first, then the nearest.

A port that carries the validator's traffic, and its VFs, have the interrupt cores. Everything else (other ports, NVMe
drives) is served on its own node too: by interrupt cores where there are some, else by housekeeping there, since a
short way counts more than a core of one's own for what is no hot path.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.placement import CpuRole, DevicePlacement
from nodeagent.tune.placement.layout import CoreSpot, Layout, cpus_of, told
from nodeagent.tune.placement.roles import first_threads

NVME_CLASS = "0108"
_CORES = {CpuRole.INTERRUPTS: "interrupt cores", CpuRole.HOUSEKEEPING: "housekeeping cores"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The cores that may serve interrupts, by node and role, in the order in which queues take them."""

    layout: Layout
    home: int
    cores: dict[tuple[int, CpuRole], tuple[CoreSpot, ...]]

    @classmethod
    def of(cls, layout: Layout, home: int, given: dict[CpuRole, list[CoreSpot]]) -> "Servers":
        cores: dict[tuple[int, CpuRole], tuple[CoreSpot, ...]] = {}
        for role in _CORES:
            for core in given[role]:
                cores[core.node, role] = (*cores.get((core.node, role), ()), core)
        return cls(layout=layout, home=home, cores=cores)

    def near(self, node: int | None, *, dedicated: bool) -> tuple[int, CpuRole]:
        """Whom a device on `node` should ask; `dedicated` takes interrupt cores however far they are."""
        asked = self.layout.cpu_node(node)
        start = self.home if asked is None else asked

        def far(place: tuple[int, CpuRole]) -> tuple[int, ...]:
            other, role = place
            second = role is not CpuRole.INTERRUPTS
            way = (self.layout.distance(start, other), other != start)
            return (second, *way, other) if dedicated else (*way, second, other)

        return min(self.cores, key=far)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedDevice:
    """A device that has a place; `port` is the address of the port it is or belongs to, "" for a drive."""

    address: str
    kind: str
    name: str
    node: int | None
    port: str = ""


def find_devices(facts: HostFacts) -> Iterator[PlacedDevice]:
    """Every port with its VFs, then every NVMe drive, each group by address; an address comes once."""
    names = _names((nic.pci_address, nic.name) for nic in facts.nics)
    nodes = {device.address: device.numa_node for device in facts.pci_devices}
    for port, (node, functions) in sorted(_ports(facts.nics).items()):
        yield PlacedDevice(address=port, kind="nic", name=names.get(port, port), node=node, port=port)
        for function in sorted(functions):
            own, name = nodes.get(function), names.get(function, function)
            yield PlacedDevice(address=function, kind="vf", name=name, node=node if own is None else own, port=port)
    for address, (name, node) in sorted(_drives(facts).items()):
        yield PlacedDevice(address=address, kind="nvme", name=name, node=node)


def place_devices(facts: HostFacts, servers: Servers, chosen: Sequence[Nic]) -> Iterator[DevicePlacement]:
    """Who serves each of them; `chosen` are the ports that carry the validator's traffic."""
    dedicated = {nic.pci_address for nic in chosen}
    for device in find_devices(facts):
        yield _placed(servers, device, dedicated=device.port in dedicated)


def _ports(nics: Sequence[Nic]) -> dict[str, tuple[int | None, set[str]]]:
    """Ports by address, with their node and the addresses of their VFs."""
    ports: dict[str, tuple[int | None, set[str]]] = {}
    for nic in nics:
        if nic.pci_address and not nic.physical_function:
            functions = ports.setdefault(nic.pci_address, (nic.numa_node, set()))[1]
            functions.update(nic.sriov.vf_addresses if nic.sriov else ())
    for nic in nics:
        # A port whose driver made no interface shows by its VFs only.
        if nic.pci_address and nic.physical_function:
            ports.setdefault(nic.physical_function, (nic.numa_node, set()))[1].add(nic.pci_address)
    return ports


def _names(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Addresses to the names below them: a function may have two ports, a controller several namespaces."""
    names: dict[str, list[str]] = {}
    for address, name in pairs:
        if address:
            names.setdefault(address, []).append(name)
    return {address: " ".join(sorted(found)) for address, found in names.items()}


def _drives(facts: HostFacts) -> dict[str, tuple[str, int | None]]:
    """NVMe controllers by address, with the names of their namespaces; one without any has its address only."""
    blocks = [
        (device.pcie.address, device) for device in facts.block_devices if device.driver == "nvme" and device.pcie
    ]
    names = _names((address, device.name) for address, device in blocks)
    nodes = {address: device.numa_node for address, device in blocks}
    for function in facts.pci_devices:
        if function.class_code.startswith(NVME_CLASS):
            nodes[function.address] = function.numa_node
    return {address: (names.get(address, address), node) for address, node in nodes.items()}


def _placed(servers: Servers, device: PlacedDevice, *, dedicated: bool) -> DevicePlacement:
    where, role = servers.near(device.node, dedicated=dedicated)
    cores = servers.cores[where, role]
    return DevicePlacement(
        address=device.address,
        kind=device.kind,
        name=device.name,
        node=device.node,
        interrupt_cpus=cpus_of(cores),
        interrupt_order=first_threads(cores),
        queues=None if device.kind == "nvme" else len(cores),
        reason=_reason(servers.layout, device.kind, device.node, where, role),
    )


def _reason(layout: Layout, kind: str, node: int | None, where: int, role: CpuRole) -> str:
    who = f"{_CORES[role]} of {told(where)}"
    if kind == "nvme":
        return f"the kernel spreads its queues over all CPUs itself; what it leaves to us goes to the {who}"
    if layout.cpu_node(node) is None:
        return f"the firmware doesn't say to which node it is attached; {who} serve it"
    if node is None or node == where:
        return f"{who}, to which it is attached"
    return f"{told(node)} has no core for it; the nearest {who} serve it"
