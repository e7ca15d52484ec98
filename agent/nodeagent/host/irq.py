"""The interrupts of a PCI function, from sysfs and procfs.

Numbers come from `msi_irqs` of the function (else its one line, `irq`), names from /sys/kernel/irq/N/actions, places
from /proc/irq/N. /proc/interrupts holds the names too, but has one column for each CPU: the largest machines print tens
of megabytes there, and everything wanted stands in small files.

Whether an interrupt may be moved is told by the mode of its file and never tried: since Linux 6.12 `smp_affinity_list`
is 0444 where only the kernel decides (kernel/irq/proc.c, register_irq_proc). Before, the mode says nothing, and of the
managed ones only the queues of NVMe drives are known by their name.

Sources: Documentation/ABI/testing/sysfs-kernel-irq, sysfs-bus-pci; Documentation/core-api/irq/irq-affinity.rst.
"""

import re
from typing import TYPE_CHECKING

from nodeagent.host.inspection import integer
from nodeagent.host.pci import PCI_ROOT
from nodeagent.host.port import driver_of
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.interrupts import DeviceInterrupts, Interrupt, VectorName, vector_names

if TYPE_CHECKING:
    from nodeagent.host.host import Host

IRQ_ROOT = "/proc/irq"
DETAIL_ROOT = "/sys/kernel/irq"

_NVME_IO_QUEUE = re.compile(r"nvme\d+q[1-9]\d*", re.ASCII)


def read_interrupts(host: "Host", address: str) -> DeviceInterrupts:
    """Every vector that the function has now; none where it has none or is not there."""
    numbers = _numbers(host, f"{PCI_ROOT}/{address}")
    names = vector_names(host.text(f"{DETAIL_ROOT}/{number}/actions") or "" for number in numbers)
    node = integer(host.text(f"{PCI_ROOT}/{address}/numa_node"))
    return DeviceInterrupts(
        address=address,
        driver=driver_of(host, address),
        node=node if node is not None and node >= 0 else None,
        vectors=tuple(_vector(host, number, name) for number, name in zip(numbers, names, strict=True)),
    )


def affinity_file(number: int) -> str:
    """Where the CPUs of an interrupt are written, in list form."""
    return f"{IRQ_ROOT}/{number}/smp_affinity_list"


def _numbers(host: "Host", function: str) -> list[int]:
    found = [integer(name) for name in host.names(f"{function}/msi_irqs")]
    numbers = sorted(number for number in found if number is not None)
    line = integer(host.text(f"{function}/irq")) if not numbers else None
    return [line] if line else numbers


def _vector(host: "Host", number: int, name: VectorName) -> Interrupt:
    allowed = host.read(affinity_file(number))
    is_nvme_queue = bool(_NVME_IO_QUEUE.fullmatch(name.action))
    return Interrupt(
        name=name,
        number=number,
        allowed=_cpus(allowed.value),
        effective=_cpus(host.text(f"{IRQ_ROOT}/{number}/effective_affinity_list")),
        movable=(allowed.writable or not allowed.ok) and not is_nvme_queue,
        managed=is_nvme_queue or (allowed.ok and not allowed.writable),
    )


def _cpus(text: str | None) -> CpuSet | None:
    if text is None:
        return None
    try:
        return CpuSet.parse(text)
    except ValueError:
        return None
