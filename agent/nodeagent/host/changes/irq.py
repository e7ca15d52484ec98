"""Say which CPUs may serve a vector of a device.

The kernel answers a write before the interrupt has moved: it moves when it next fires. So what is read back is the
mask, and where the interrupt fires is told by the tunable and never awaited.

errno, from kernel/irq/proc.c and the vector allocator of x86 (arch/x86/kernel/apic/vector.c): EPERM, and EIO before
Linux 6.12, where the kernel alone decides; ENOSPC where the CPUs have no vector left; EINVAL where none is online;
EOVERFLOW or ERANGE for CPUs that the machine lacks; EBUSY and EAGAIN while a former move has not ended.
"""

import errno
from typing import TYPE_CHECKING

from nodeagent.host.changes import knob
from nodeagent.host.changes.observation import Observation
from nodeagent.host.changes.waiting import wait_until
from nodeagent.host.irq import affinity_file, read_interrupts
from nodeagent.host.pci import PCI_ROOT
from nodeagent.model.errors import HostError
from nodeagent.model.interrupts import Interrupt
from nodeagent.model.irq_change import SetIrqAffinity

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_TRANSIENT = (errno.EBUSY, errno.EAGAIN)
_RETRY_SECONDS = 2.0
_REMEDIES = {
    errno.EPERM: "the kernel alone places this interrupt: leave the device out of irq-affinity, see NA-IRQ-002",
    errno.EIO: "the kernel alone places this interrupt: leave the device out of irq-affinity, see NA-IRQ-002",
    errno.ENOSPC: "these CPUs have no vector left: name more CPUs, or give the ports fewer queues (NA-IRQ-005)",
    errno.EINVAL: "none of these CPUs is online: see `cat /sys/devices/system/cpu/online`",
    errno.EOVERFLOW: "this machine lacks some of these CPUs: see `cat /sys/devices/system/cpu/possible`",
    errno.ERANGE: "this machine lacks some of these CPUs: see `cat /sys/devices/system/cpu/possible`",
    errno.EBUSY: "the interrupt is still on its way from a former move; try again in a moment",
    errno.EAGAIN: "the interrupt is still on its way from a former move; try again in a moment",
}


def observe(host: "Host", change: SetIrqAffinity) -> Observation:
    """The device is the object, since its interrupts are numbered anew by every reload of the driver."""
    vector = _vector(host, change)
    if vector is None or vector.allowed is None:
        return Observation(state="", gone=True)
    return Observation(state=str(vector.allowed), place=host.real(f"{PCI_ROOT}/{change.address}"))


def perform(host: "Host", change: SetIrqAffinity) -> None:
    """HostError where the vector is gone, or the kernel does not take these CPUs."""
    vector = _vector(host, change)
    if vector is None:
        raise HostError(
            f"{change.address} has no interrupt {change.vector} now",
            remedy="its driver was reloaded or has other queues; plan again: nodeagent tune plan",
        )
    refused = _write_patiently(host, affinity_file(vector.number), str(change.after))
    if refused is not None:
        raise _explained(change, vector, refused)


def _write_patiently(host: "Host", path: str, cpus: str) -> HostError | None:
    """None once it is written, else the last refusal."""
    refused: HostError | None = None

    def is_settled() -> bool:
        nonlocal refused
        try:
            knob.write(host, path, cpus)
        except HostError as error:
            refused = error
            return _errno(error) not in _TRANSIENT
        refused = None
        return True

    wait_until(is_settled, seconds=_RETRY_SECONDS)
    return refused


def _explained(change: SetIrqAffinity, vector: Interrupt, refused: HostError) -> HostError:
    remedy = _REMEDIES.get(_errno(refused), refused.remedy)
    what = f"interrupt {vector.number} ({change.address} {change.vector}) to CPUs {change.after}"
    return HostError(f"cannot move {what}: {refused.message}", remedy=remedy)


def _errno(error: HostError) -> int:
    cause = error.__cause__
    return (cause.errno or 0) if isinstance(cause, OSError) else 0


def _vector(host: "Host", change: SetIrqAffinity) -> Interrupt | None:
    return read_interrupts(host, change.address).find(change.vector)
