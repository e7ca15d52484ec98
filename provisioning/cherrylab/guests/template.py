"""What a machine is made of, as data. Sizes are bytes; a drive or NIC on node None hangs on the root complex.

A drive's size is apparent: its image is sparse, so a 15 TB ledger can be had on a laptop (scaled down all the same, as
mkfs writes its tables).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

MIB = 1 << 20
GIB = 1 << 30

MOST_MEMORY_WITH_VFS_BYTES = 2816 * MIB
"""Where QEMU's q35 begins to put memory above 4 GiB. The firmware then places the VFs' registers up there too, and
QEMU 10's igb answers zeros to every read of them: a VF's driver tells "PF still in reset state" and makes up a MAC.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumaNode:
    """One memory node and the virtual CPUs that belong to it."""

    cpus: int
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """An NVMe drive. `role` names its image file; `iops_limit` throttles it; `bad_sector` fails reads and writes."""

    role: str
    serial: str
    size_bytes: int
    node: int | None = None
    iops_limit: int | None = None
    bad_sector: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataNic:
    """An SR-IOV NIC (Intel igb, 7 VFs, at most 9216 bytes of MTU) on the data bridge."""

    node: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareTemplate:
    """One machine. `distance` is the SLIT value between any two nodes; `iommu` adds an emulated VT-d."""

    name: str
    nodes: tuple[NumaNode, ...]
    drives: tuple[Drive, ...] = ()
    data_nic: DataNic | None = None
    distance: int = 32
    iommu: bool = False
    bmc: bool = False
    kernel_arguments: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.data_nic is not None and self.memory_bytes >= MOST_MEMORY_WITH_VFS_BYTES:
            raise ValueError(
                f"{self.name}: the VFs of its NIC work with less than {MOST_MEMORY_WITH_VFS_BYTES // MIB} MiB of "
                f"memory; got {self.memory_bytes // MIB} MiB"
            )

    @property
    def cpus(self) -> int:
        return sum(node.cpus for node in self.nodes)

    @property
    def memory_bytes(self) -> int:
        return sum(node.memory_bytes for node in self.nodes)

    def with_drives_in_order(self, roles: Sequence[str]) -> Self:
        """The same machine with its drives in other slots, so that the kernel numbers them otherwise.

        A drive keeps its node, serial and content. ValueError unless every drive is named once.
        """
        drives = {drive.role: drive for drive in self.drives}
        if sorted(roles) != sorted(drives):
            raise ValueError(f"{self.name} has the drives {', '.join(sorted(drives))}; got {', '.join(roles)}")
        return replace(self, drives=tuple(drives[role] for role in roles))


VALIDATOR = HardwareTemplate(
    name="validator",
    nodes=(NumaNode(cpus=2, memory_bytes=GIB), NumaNode(cpus=2, memory_bytes=GIB)),
    drives=(
        Drive(role="ledger", serial="LEDGER01", size_bytes=15 * GIB, node=1),
        Drive(role="accounts", serial="ACCT01", size_bytes=6 * GIB),
        Drive(role="snapshots", serial="SNAP01", size_bytes=2 * GIB),
    ),
    data_nic=DataNic(node=1),
)
"""The validator of the mission: two nodes, drives of 15, 6 and 2 (GiB for TB), an SR-IOV NIC on node 1."""

PEER = HardwareTemplate(name="peer", nodes=(NumaNode(cpus=2, memory_bytes=GIB),), data_nic=DataNic())
"""The other end of a cable: small, one node, the same NIC."""

SMALL = HardwareTemplate(
    name="small",
    nodes=(NumaNode(cpus=2, memory_bytes=GIB),),
    drives=(
        Drive(role="ledger", serial="LEDGER01", size_bytes=4 * GIB, iops_limit=100_000),
        Drive(role="accounts", serial="ACCT01", size_bytes=2 * GIB),
    ),
    data_nic=DataNic(),
)
"""What boots fastest and still has all kinds of devices: for campaigns that switch a machine on dozens of times."""

WORKBENCH = replace(
    VALIDATOR,
    name="workbench",
    nodes=(NumaNode(cpus=2, memory_bytes=1280 * MIB), NumaNode(cpus=2, memory_bytes=1280 * MIB)),
    drives=(
        *VALIDATOR.drives,
        Drive(role="slow", serial="SLOW01", size_bytes=GIB, iops_limit=500),
        Drive(role="bad", serial="BAD01", size_bytes=GIB, bad_sector=204800),
    ),
)
"""The validator with what tests need besides: more memory, a slow drive, one with a bad sector."""

TEMPLATES = {template.name: template for template in (VALIDATOR, PEER, SMALL, WORKBENCH)}
