"""The interrupts of one device: which queue each serves, where it may fire and where it does.

An interrupt's number changes with every reload of its driver, so a vector is known by the PCI address of its function
and by its action, the name that the driver gave its handler ("ice-data0-TxRx-3", "mlx5_comp3@pci:0000:81:00.0"). Where
several share a name, or have none, their order among the device's vectors tells them apart.

Sources: Documentation/core-api/irq/irq-affinity.rst, managed_irq.rst; Documentation/ABI/testing/sysfs-kernel-irq and
sysfs-bus-pci (msi_irqs); the names are those of the drivers named below.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nodeagent.model.cpuset import CpuSet

_QUEUE = re.compile(
    # igb, ixgbe, i40e, ice, iavf, bnxt: eth0-TxRx-3, eth0-rx-3; ena: eth0-Tx-Rx-3; virtio: virtio2-input.0
    r"(?:-(?:tx-?rx|rx|tx)-|-(?:input|output|req)\.|"
    # mlx5: mlx5_comp3@pci:...; gve: gve-ntfy-blk3@pci:...; mana_q3@pci:...; older mlx5 and mlx4: eth0-3
    r"_comp|-ntfy-blk|_q|-)(\d{1,5})(?:@\S*)?\Z",
    re.ASCII | re.IGNORECASE,
)
_NVME_QUEUE = re.compile(r"nvme\d+q(\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorName:
    """What names a vector for good: its action, and which of those with this action it is."""

    action: str
    turn: int = 0

    def __str__(self) -> str:
        name = self.action or "unnamed"
        return f"{name}#{self.turn}" if self.turn or not self.action else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt:
    """One vector. `number` is today's, for showing and reading only.

    `allowed` is where it may fire, `effective` where it does; None where that can't be read. `movable` is False where
    the kernel lets nobody set it; `managed` says that the kernel spread it itself, over all CPUs, when it was made.
    """

    name: VectorName
    number: int
    allowed: CpuSet | None
    effective: CpuSet | None
    movable: bool = True
    managed: bool = False

    @property
    def queue(self) -> int | None:
        """The queue that it serves; None for what is no queue (configuration, link state, the admin queue)."""
        return queue_of(self.name.action)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInterrupts:
    """All vectors of one PCI function, by number. `node` is None where the bus does not say."""

    address: str
    driver: str = ""
    node: int | None = None
    vectors: tuple[Interrupt, ...] = ()

    def find(self, name: VectorName) -> Interrupt | None:
        return next((vector for vector in self.vectors if vector.name == name), None)


def queue_of(action: str) -> int | None:
    """The number of the queue in an action's name; None where it names none."""
    if nvme := _NVME_QUEUE.fullmatch(action):
        return int(nvme[1]) - 1 if int(nvme[1]) else None
    found = _QUEUE.search(action)
    return int(found[1]) if found else None


def vector_names(actions: Iterable[str]) -> tuple[VectorName, ...]:
    """The names of a device's vectors, whose actions come in the order of their numbers."""
    seen: dict[str, int] = {}
    names = []
    for action in actions:
        names.append(VectorName(action=action, turn=seen.get(action, 0)))
        seen[action] = seen.get(action, 0) + 1
    return tuple(names)
