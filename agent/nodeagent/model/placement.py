"""Which CPUs serve what on this machine: the planner's answer, which every tunable that places something reads.

One map for all of them, because interrupts, queues, isolated CPUs, boot parameters and huge pages only help when they
agree: a queue whose interrupt fires on the core of the proof of history costs more than no tuning at all.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from nodeagent.model.cpuset import CpuSet


class CpuRole(StrEnum):
    """What a CPU is for. Every online CPU has exactly one role."""

    HOUSEKEEPING = "housekeeping"
    INTERRUPTS = "interrupts"
    POH = "poh"
    XDP = "xdp"
    VALIDATOR = "validator"


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePlacement:
    """One device: the memory node it hangs on (None where the bus does not say) and who serves its interrupts.

    `kind` is nic, vf or nvme. `interrupt_order` are the interrupt CPUs in the order in which queues should take them, a
    thread of each core before a second one of any. `queues` is how many queues it should have, None where that is not
    ours to choose.
    """

    address: str
    kind: str
    name: str
    node: int | None
    interrupt_cpus: CpuSet
    interrupt_order: tuple[int, ...] = ()
    queues: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The whole map. `roles` names every role, an empty set where nobody has it.

    `memory_node` is where the validator's memory and huge pages belong, None where it spans nodes. `reasons` tell how
    each choice was made; `problems` what could not be given as asked, each with what to do.
    """

    roles: dict[CpuRole, CpuSet]
    devices: tuple[DevicePlacement, ...] = ()
    memory_node: int | None = None
    reasons: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())

    def cpus(self, role: CpuRole) -> CpuSet:
        return self.roles.get(role, CpuSet())

    def device(self, address: str) -> DevicePlacement | None:
        return next((device for device in self.devices if device.address == address), None)
