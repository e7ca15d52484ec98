"""Who serves the interrupts of each device: its own node first, then the nearest.

A port that carries the validator's traffic, and its VFs, have the interrupt cores. Everything else (other ports, NVMe
drives) is served on its own node too: by interrupt cores where there are some, else by housekeeping there, since a
short way counts more than a core of one's own for what is no hot path.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.placement import CpuRole, DevicePlacement
from nodeagent.tune.placement.layout import CoreSpot, Layout, cpus_of
from nodeagent.tune.placement.ports import told
from nodeagent.tune.placement.roles import first_threads

NVME_CLASS = "0108"


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The cores that may serve interrupts, by node and role, in the order in which queues take them."""

    layout: Layout
    home: int
    cores: dict[tuple[int, CpuRole], tuple[CoreSpot, ...]]

    @classmethod
    def of(cls, layout: Layout, home: int, given: dict[CpuRole, list[CoreSpot]]) -> "Servers":
        roles = (CpuRole.INTERRUPTS, CpuRole.HOUSEKEEPING)
        cores: dict[tuple[int, CpuRole], tuple[CoreSpot, ...]] = {}
        for role in roles:
            for core in given.get(role, ()):
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


def place_devices(facts: HostFacts, servers: Servers, chosen: Sequence[Nic]) -> Iterator[DevicePlacement]:
    """Every port, its VFs, then every NVMe drive, each group by address."""
    addresses = {nic.pci_address for nic in chosen}
    by_address = {device.address: device for device in facts.pci_devices}
    names = {nic.pci_address: nic.name for nic in facts.nics}
    ports = [nic for nic in facts.nics if nic.pci_address and not nic.physical_function]
    for port in sorted(ports, key=lambda nic: (nic.pci_address, nic.name)):
        dedicated = port.pci_address in addresses
        yield _placed(servers, port.pci_address, "nic", port.name, port.numa_node, dedicated=dedicated)
        for address in port.sriov.vf_addresses if port.sriov else ():
            node = by_address[address].numa_node if address in by_address else port.numa_node
            name = names.get(address, f"{port.name} {address}")
            yield _placed(servers, address, "vf", name, node, dedicated=dedicated)
    for address, (name, node) in sorted(_drives(facts).items()):
        yield _placed(servers, address, "nvme", name, node, dedicated=False)


def _drives(facts: HostFacts) -> dict[str, tuple[str, int | None]]:
    """NVMe controllers by address, with the names of their namespaces; one without any has its address only."""
    found = {
        device.address: (device.address, device.numa_node)
        for device in facts.pci_devices
        if device.class_code.startswith(NVME_CLASS)
    }
    names: dict[str, list[str]] = {}
    for block in facts.block_devices:
        if block.driver == "nvme" and block.pcie is not None:
            names.setdefault(block.pcie.address, []).append(block.name)
            found.setdefault(block.pcie.address, (block.name, block.numa_node))
    return {address: (" ".join(names.get(address, [was])), node) for address, (was, node) in found.items()}


def _placed(
    servers: Servers, address: str, kind: str, name: str, node: int | None, *, dedicated: bool
) -> DevicePlacement:
    where, role = servers.near(node, dedicated=dedicated)
    cores = servers.cores[where, role]
    return DevicePlacement(
        address=address,
        kind=kind,
        name=name,
        node=node,
        interrupt_cpus=cpus_of(cores),
        interrupt_order=first_threads(cores),
        queues=None if kind == "nvme" else len(cores),
        reason=_reason(servers.layout, kind, node, where, role),
    )


def _reason(layout: Layout, kind: str, node: int | None, where: int, role: CpuRole) -> str:
    who = f"{role} cores of {told(where)}"
    if kind == "nvme":
        return f"the kernel spreads its queues over all CPUs itself; what it leaves to us goes to the {who}"
    if node is None and len(layout.nodes) > 1:
        return f"the firmware doesn't say where it hangs; {who} serve it"
    if layout.cpu_node(node) != where:
        return f"no core of {told(node if node is not None else where)} is there for it; the nearest {who} serve it"
    return f"{who}, where it hangs"
