"""The facts of a machine, each part read when it is first asked for.

A `tune verify` of a few sysctls has no use for the topology of 384 CPUs and 160 interfaces, which are most of what
reading all facts costs. What asks twice gets the same answer; parts are read at different moments, though, so what is
kept or compared as a whole is read by host/facts.py.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from nodeagent.host.inspection import Inspection

if TYPE_CHECKING:
    from nodeagent.host.host import Host
    from nodeagent.model.facts import BlockDevice, Cpus, Kernel, Memory, Nic, NumaNode, PciDevice, Platform


class FactsOnDemand:
    """Has the attributes of model.facts.HostFacts; no dataclass, so `replace` refuses it."""

    placement: None = None

    def __init__(self, host: "Host") -> None:
        self._look = Inspection(host=host)

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read of the parts that were asked for."""
        return tuple(dict.fromkeys(self._look.problems))

    @cached_property
    def cpus(self) -> "Cpus":
        from nodeagent.host.cpu import read_cpus

        return read_cpus(self._look)

    @cached_property
    def numa_nodes(self) -> "tuple[NumaNode, ...]":
        from nodeagent.host.numa import read_numa_nodes

        return read_numa_nodes(self._look)

    @cached_property
    def block_devices(self) -> "tuple[BlockDevice, ...]":
        """Without the knobs of their queues: who sets some reads those himself."""
        from nodeagent.host.block import read_block_devices

        return read_block_devices(self._look, knobs=False)

    @cached_property
    def nics(self) -> "tuple[Nic, ...]":
        from nodeagent.host.nic import read_nics

        return read_nics(self._look)

    @cached_property
    def pci_devices(self) -> "tuple[PciDevice, ...]":
        from nodeagent.host.pci import read_pci_devices

        return read_pci_devices(self._look)

    @cached_property
    def memory(self) -> "Memory":
        from nodeagent.host.memory import read_memory

        return read_memory(self._look)

    @cached_property
    def kernel(self) -> "Kernel":
        from nodeagent.host.kernel import read_kernel

        return read_kernel(self._look)

    @cached_property
    def platform(self) -> "Platform":
        from nodeagent.host.platform import read_platform

        return read_platform(self._look)
