"""Whose interrupts an entry of a profile means, and which CPUs it names for them."""

from collections.abc import Iterator
from dataclasses import dataclass

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.placement import CpuRole
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.drives.queue import matching
from nodeagent.tune.interrupts.settings import DeviceIrqSettings, IrqAffinitySettings
from nodeagent.tune.knob import watched
from nodeagent.tune.ports.selection import meant
from nodeagent.tune.processors.choice import resolve

NAME = "irq-affinity"
RESERVED_ROLES = (CpuRole.POH, CpuRole.XDP, CpuRole.VALIDATOR)
"""Whose CPUs no interrupt of a device should disturb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One PCI function that an entry means; `label` is what a person calls it now."""

    entry: DeviceIrqSettings
    address: str
    label: str

    @property
    def key(self) -> str:
        return f"{NAME}:{self.address}"


def find_targets(settings: IrqAffinitySettings, facts: HostFacts) -> tuple[Target, ...]:
    """Each function with the first entry that means it: ports before their VFs, both by address."""
    taken: set[str] = set()
    found = []
    for entry in settings.devices:
        if entry.cpus is not None and not watched(entry.cpus):
            continue
        for address, label in _meant(entry, facts):
            if address not in taken:
                taken.add(address)
                found.append(Target(entry=entry, address=address, label=label))
    return tuple(found)


def _meant(entry: DeviceIrqSettings, facts: HostFacts) -> Iterator[tuple[str, str]]:
    if entry.nvme is not None:
        drives = matching(entry.nvme, facts)
        if entry.nvme.count in (None, len(drives)):
            yield from sorted((drive.pcie.address, drive.name) for drive in drives if drive.pcie and drive.pcie.address)
        return
    ports = {nic.pci_address: nic for nic in meant(entry.nic, facts)} if entry.nic is not None else {}
    yield from ((address, nic.name) for address, nic in sorted(ports.items()))
    if entry.vfs:
        vfs = {nic.pci_address: nic.name for nic in facts.nics if nic.physical_function in ports}
        yield from sorted(vfs.items())


def unmatched(settings: IrqAffinitySettings, facts: HostFacts) -> Iterator[Finding]:
    """Entries that mean no device, or another number of them than they say."""
    for entry in settings.devices:
        if entry.cpus is not None and not watched(entry.cpus):
            continue
        if entry.nic is not None:
            found = sorted({nic.name for nic in facts.nics if entry.nic.matches(nic)})
            count, selector = entry.nic.count, str(entry.nic)
        elif entry.nvme is not None:
            found = [drive.name for drive in matching(entry.nvme, facts)]
            count, selector = entry.nvme.count, str(entry.nvme)
        else:
            continue
        if not found or count not in (None, len(found)):
            yield Finding(
                subject=f"{NAME}:{entry.name}",
                state=State.NOT_APPLICABLE if count is None else State.UNKNOWN,
                got=", ".join(found) or "no device",
                wanted=f"{'any' if count is None else count} with {selector}",
                remedy="nodeagent host show lists the devices and their properties; adjust the selector or its count",
                id="NA-IRQ-001",
            )


def chosen_cpus(choice: str, address: str, facts: HostFacts) -> CpuSet | None:
    """The CPUs that are meant for a device; None where nothing places roles on this machine.

    The role `interrupts` by itself means those that the placement gives this very device, where it gives any.
    """
    if choice == CpuRole.INTERRUPTS and facts.placement is not None:
        device = facts.placement.device(address)
        if device is not None and device.interrupt_cpus:
            return device.interrupt_cpus
    return resolve(choice, facts.placement)


def other_cpus(facts: HostFacts) -> CpuSet:
    """The housekeeping CPUs, for what is no queue; empty where nothing places roles."""
    if facts.placement is None:
        return CpuSet()
    return facts.placement.cpus(CpuRole.HOUSEKEEPING) & facts.cpus.online


def reserved_cpus(facts: HostFacts) -> CpuSet:
    """Those that no interrupt should disturb; empty where nothing places roles."""
    if facts.placement is None:
        return CpuSet()
    return CpuSet.of(cpu for role in RESERVED_ROLES for cpu in facts.placement.cpus(role))
