"""Changes of interrupts: which CPUs may serve a vector of a device.

The object is a vector of a PCI function by its name, never by its number: the number is looked up when the change is
made or undone, because by then another device may have it.

Sources: Documentation/core-api/irq/irq-affinity.rst; kernel/irq/proc.c.
"""

import shlex
from dataclasses import dataclass

from nodeagent.model.change import Lifetime, SetState
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.interrupts import VectorName

_PCI = "/sys/bus/pci/devices"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetIrqAffinity(SetState):
    """Where a vector may fire. Where it does fire follows later, at its next interrupt, and is no part of the state."""

    kind = "set-irq-affinity"
    lifetime = Lifetime.BOOT

    address: str
    vector: VectorName
    before: CpuSet
    after: CpuSet

    def command(self) -> str:
        directory = f"{_PCI}/{shlex.quote(self.address)}/msi_irqs"
        is_it = f'[ "$(cat /sys/kernel/irq/$n/actions)" = {shlex.quote(self.vector.action)} ]'
        numbers = f"ls {directory} | sort -n | while read -r n; do {is_it} && echo $n; done"
        return f'echo {self.after} > "/proc/irq/$({numbers} | sed -n {self.vector.turn + 1}p)/smp_affinity_list"'
