"""What the machine is made of, as read once: the input of every plan and the fingerprint of every measurement.

Everything here may be unknown on a real machine (None, empty); unknown is never a default. Sizes are bytes, link rates
as named. Sources: Documentation/ABI/ of the kernel for each sysfs path, named in the reader of `host/` that fills it.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nodeagent.model.block_device import BlockDevice, Mounted, Partition, PcieLink
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.kernel import Kernel

if TYPE_CHECKING:
    from nodeagent.model.placement import Placement

__all__ = ["BlockDevice", "Kernel", "Mounted", "Partition", "PcieLink"]  # of modules of their own, and facts as well


@dataclass(frozen=True, slots=True, kw_only=True)
class L3Domain:
    """CPUs that share one last-level cache (a CCX on EPYC)."""

    id: int
    cpus: CpuSet
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One physical core: its package, its threads that are online."""

    package: int
    core: int
    threads: CpuSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpus:
    """`packages`, `cores` and `threads_per_core` count what is online; None where the topology is unreadable."""

    online: CpuSet
    possible: CpuSet
    isolated: CpuSet
    packages: int | None
    cores: int | None
    threads_per_core: int | None
    l3_domains: tuple[L3Domain, ...] = ()
    core_list: tuple[Core, ...] = ()
    model: str = ""
    vendor: str = ""
    microcode: str = ""
    smt: str = ""
    nohz_full: CpuSet = field(default_factory=CpuSet)


@dataclass(frozen=True, slots=True, kw_only=True)
class HugepagePool:
    """Pages of one size on one node."""

    page_bytes: int
    total: int
    free: int
    surplus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NumaNode:
    """`distances` maps node id to the SLIT value; a node may have no CPUs or no memory."""

    id: int
    cpus: CpuSet
    memory_bytes: int | None
    distances: dict[int, int]
    hugepages: tuple[HugepagePool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sriov:
    """The SR-IOV capability of a physical function: what it could make and what stands."""

    total_vfs: int
    configured_vfs: int
    vf_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nic:
    """`pci_address` is empty for interfaces without a PCI function behind them."""

    name: str
    driver: str = ""
    pci_address: str = ""
    mac: str = ""
    numa_node: int | None = None
    speed_mbps: int | None = None
    mtu: int | None = None
    operstate: str = ""
    rx_queues: int = 0
    tx_queues: int = 0
    irqs: tuple[int, ...] = ()
    sriov: Sriov | None = None
    pcie: PcieLink | None = None
    physical_function: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PciDevice:
    """One PCI function; `address` may carry a 32-bit domain, ids are hexadecimal without 0x."""

    address: str
    vendor: str
    device: str
    class_code: str
    driver: str = ""
    numa_node: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimm:
    """One memory slot from SMBIOS type 17; size 0 is an empty slot."""

    locator: str
    size_bytes: int
    speed_mts: int | None = None
    kind: str = ""
    ecc: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """`dimms` is empty where SMBIOS can't be read (no root, no firmware table); `dimms_readable` tells which."""

    total_bytes: int | None
    available_bytes: int | None = None
    dimms: tuple[Dimm, ...] = ()
    dimms_readable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """`virtualisation` is "" on bare metal, else the hypervisor's name; `cgroup` is "v2", "hybrid", "v1" or ""."""

    hostname: str = ""
    machine_id: str = ""
    boot_id: str = ""
    os_release: str = ""
    vendor: str = ""
    product: str = ""
    bios_version: str = ""
    virtualisation: str = ""
    container: str = ""
    cgroup: str = ""
    cgroup_controllers: tuple[str, ...] = ()
    pressure: tuple[str, ...] = ()
    init: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """The whole of it. `problems` names what could not be read and why, so that nothing is missing in silence.

    `placement` is no fact but what a profile makes of them; the engine fills it in for the tunables (tune/placement).
    """

    cpus: Cpus
    numa_nodes: tuple[NumaNode, ...]
    block_devices: tuple[BlockDevice, ...]
    nics: tuple[Nic, ...]
    pci_devices: tuple[PciDevice, ...]
    memory: Memory
    kernel: Kernel
    platform: Platform
    problems: tuple[str, ...] = ()
    placement: "Placement | None" = None
