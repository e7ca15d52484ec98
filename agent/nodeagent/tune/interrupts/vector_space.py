"""Is there room for all interrupts on the CPUs that are to serve them?

On x86 each CPU has 256 vectors, of which the processor takes 32 and the kernel about two dozen: 200 are left for
devices (arch/x86/include/asm/irq_vectors.h, FIRST_EXTERNAL_VECTOR and FIRST_SYSTEM_VECTOR). When those of all allowed
CPUs are gone the kernel writes "Affinity broken due to vector space exhaustion" and lets the interrupt fire on any CPU,
the isolated ones too. Other processors have no such limit.
"""

from collections import Counter
from collections.abc import Mapping

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader

VECTORS_PER_CPU = 200

_X86_VENDORS = ("GenuineIntel", "AuthenticAMD", "HygonGenuine", "CentaurHauls")
_IRQ_ROOT = "/proc/irq"


def read_load(host: HostReader, facts: HostFacts, known: Mapping[int, CpuSet | None]) -> dict[int, int]:
    """How many interrupts fire on each CPU; empty where the machine has too few for any CPU to run out.

    `known` are the places of interrupts that were read already, by number.
    """
    numbers = [name for name in host.names(_IRQ_ROOT) if name.isascii() and name.isdigit()]
    if facts.cpus.vendor not in _X86_VENDORS or len(numbers) <= VECTORS_PER_CPU:
        return {}
    load: Counter[int] = Counter()
    for number in numbers:
        load.update((known[int(number)] or ()) if int(number) in known else _effective(host, number))
    return dict(load)


def _effective(host: HostReader, number: str) -> CpuSet:
    try:
        return CpuSet.parse(host.read(f"{_IRQ_ROOT}/{number}/effective_affinity_list").value or "")
    except ValueError:
        return CpuSet()


class VectorSpace:
    """Counts vectors down as they are given out. `load` is what fires where now; empty means that there is room."""

    def __init__(self, load: Mapping[int, int]) -> None:
        self._limited = bool(load)
        self._used = Counter(load)

    def leave(self, cpus: CpuSet | None) -> None:
        """An interrupt that is to be moved frees its vector."""
        self._used.subtract(cpus or ())

    def take(self, cpus: CpuSet) -> bool:
        """Is there a vector on one of these CPUs? The kernel takes it where most are left."""
        if not self._limited:
            return True
        emptiest = min(cpus, key=lambda cpu: (self._used[cpu], cpu))
        if self._used[emptiest] >= VECTORS_PER_CPU:
            return False
        self._used[emptiest] += 1
        return True

    def used(self, cpus: CpuSet) -> int:
        return sum(self._used[cpu] for cpu in cpus)
