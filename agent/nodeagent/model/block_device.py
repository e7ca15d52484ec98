"""A drive and what hangs on it, as read once. Apart from the other facts, as most who ask for one ask for drives.

Everything may be unknown (None, empty); unknown is never a default.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeagent.model.change import DeviceIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class PcieLink:
    """Negotiated against possible: transfers in GT/s, width in lanes; None where the bus does not say."""

    address: str
    speed_gts: float | None = None
    speed_max_gts: float | None = None
    width: int | None = None
    width_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """One line of mountinfo that shows a device; options of the mount and of its superblock together."""

    target: str
    fstype: str
    options: frozenset[str]
    root: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A partition of a whole drive, as the kernel sees it now."""

    name: str
    size_bytes: int | None
    start_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDevice:
    """A whole block device. `queue` holds the knobs of its request queue as read (name of file to raw text)."""

    name: str
    major_minor: str
    model: str = ""
    serial: str = ""
    wwn: str = ""
    size_bytes: int | None = None
    rotational: bool | None = None
    read_only: bool | None = None
    removable: bool | None = None
    transport: str = ""
    driver: str = ""
    numa_node: int | None = None
    pcie: PcieLink | None = None
    scheduler: str = ""
    firmware: str = ""
    backing_file: str = ""
    holders: tuple[str, ...] = ()
    slaves: tuple[str, ...] = ()
    partitions: tuple[Partition, ...] = ()
    mounts: tuple[Mounted, ...] = ()
    queue: dict[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> "DeviceIdentity":
        from nodeagent.model.change import DeviceIdentity

        return DeviceIdentity(
            serial=self.serial,
            wwn=self.wwn,
            model=self.model,
            size_bytes=self.size_bytes or 0,
            backing_file=self.backing_file,
            name=self.name,
        )
