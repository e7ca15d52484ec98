"""What a profile may say about interrupts; the `irq-affinity` tunable's Settings.

    irq-affinity:
      default: housekeeping
      keep_irqbalance_away: true
      devices:
        - {name: data, nic: {driver: ice, count: 1}, vfs: true, cpus: interrupts}
        - {name: drives, nvme: {transport: nvme}}

An entry for drives has no CPUs: the kernel spreads the queues of a drive itself, and they are only reported.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated

from nodeagent.model.selector import DeviceSelector, NicSelector
from nodeagent.model.setting import Setting
from nodeagent.profiles.constraint import Check, Fault
from nodeagent.profiles.name import Name
from nodeagent.tune.ports.selection import nic_faults
from nodeagent.tune.processors.choice import CpuChoice, resolve


class Spread(StrEnum):
    """How queues share the CPUs: each has one of them, or each may use all of them."""

    ONE_PER_QUEUE = "one-per-queue"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceIrqSettings:
    """Whose interrupts, and which CPUs serve them. `name` is a label of the profile, for messages and for merging.

    `vfs` takes the virtual functions of the ports along, as far as a driver of this host has them.
    """

    name: Name
    nic: NicSelector | None = None
    nvme: DeviceSelector | None = None
    vfs: bool = False
    cpus: Setting[CpuChoice] | None = None
    spread: Spread = Spread.ONE_PER_QUEUE


@dataclass(frozen=True, slots=True, kw_only=True)
class IrqAffinitySettings:
    """`default` are the CPUs of interrupts that nobody has asked for yet."""

    default: Setting[CpuChoice] | None = None
    keep_irqbalance_away: Setting[bool] | None = None
    devices: tuple[DeviceIrqSettings, ...] = ()


def faults(settings: IrqAffinitySettings) -> Iterator[Fault]:
    """What only the whole can tell."""
    seen: set[str] = set()
    if settings.default and (problem := cpu_problem(settings.default)):
        yield Fault(path=("default",), problem=problem)
    for at, entry in enumerate(settings.devices):
        path = ("devices", at)
        if entry.name in seen:
            yield Fault(path=(*path, "name"), problem="a second entry of this name")
        seen.add(entry.name)
        yield from _entry_faults(path, entry)


def _entry_faults(path: tuple[str | int, ...], entry: DeviceIrqSettings) -> Iterator[Fault]:
    if (entry.nic is None) == (entry.nvme is None):
        yield Fault(path=path, problem="wanted one of nic and nvme")
    if entry.nic is not None:
        yield from (
            Fault(path=(path[0], *fault.path), problem=fault.problem) for fault in nic_faults(int(path[1]), entry.nic)
        )
        if entry.cpus is None:
            yield Fault(path=path, problem="a port needs cpus")
    if entry.nvme is not None:
        yield from _drive_faults(path, entry, entry.nvme)
    if entry.cpus and (problem := cpu_problem(entry.cpus)):
        yield Fault(path=(*path, "cpus"), problem=problem)


def _drive_faults(path: tuple[str | int, ...], entry: DeviceIrqSettings, nvme: DeviceSelector) -> Iterator[Fault]:
    properties = [item.name for item in fields(nvme) if item.name != "count"]
    if all(getattr(nvme, name) is None for name in properties):
        yield Fault(path=(*path, "nvme"), problem=f"names no property: wanted one of {', '.join(properties)}")
    if entry.cpus is not None:
        yield Fault(path=(*path, "cpus"), problem="the kernel alone spreads the queues of a drive; leave it out")
    if entry.vfs:
        yield Fault(path=(*path, "vfs"), problem="a drive has no virtual functions here")


def cpu_problem(setting: Setting[str]) -> str:
    """Why a choice of CPUs can't be meant; "" where it can."""
    try:
        resolve(setting.value, None)
    except ValueError as error:
        return str(error)
    return ""


Settings = Annotated[IrqAffinitySettings, Check(faults)]
