"""Is a drive free to be written? The answer of the data-safety module, as data.

Every unknown is a refusal. A refusal has a stable id, so that tests, docs and operators talk about the same thing.
"""

from dataclasses import dataclass
from enum import StrEnum

from nodeagent.model.change import DeviceIdentity


class Reason(StrEnum):
    """One id a reason; the value is what stands in reports. Numbers are never given to another reason."""

    NO_IDENTITY = "NA-DISK-001"
    NOT_UNIQUE = "NA-DISK-002"
    CHANGED = "NA-DISK-003"
    WRONG_NODE = "NA-DISK-004"
    NOT_A_WHOLE_DRIVE = "NA-DISK-005"
    NO_SIZE = "NA-DISK-006"
    READ_ONLY = "NA-DISK-007"
    REMOVABLE = "NA-DISK-008"
    WRONG_KIND = "NA-DISK-009"
    NOT_FOUND = "NA-DISK-010"
    PARTITIONED = "NA-DISK-011"
    HELD = "NA-DISK-012"
    STACKED = "NA-DISK-013"
    SWAP = "NA-DISK-014"
    MOUNTED = "NA-DISK-015"
    MOUNTED_ELSEWHERE = "NA-DISK-016"
    BTRFS_MEMBER = "NA-DISK-017"
    LOOP = "NA-DISK-018"
    OPEN = "NA-DISK-019"
    CLAIMED = "NA-DISK-020"
    LOCKED = "NA-DISK-021"
    EXPORTED = "NA-DISK-022"
    USERS_UNKNOWN = "NA-DISK-023"
    SIGNATURE = "NA-DISK-030"
    AMBIVALENT = "NA-DISK-031"
    UNFINISHED = "NA-DISK-032"
    NOT_BLANK = "NA-DISK-033"
    CONTENT_UNKNOWN = "NA-DISK-034"
    AREA_NOT_A_DIRECTORY = "NA-AREA-001"
    AREA_RAW_DEVICE = "NA-AREA-002"
    AREA_UNTRUSTED_PATH = "NA-AREA-003"
    AREA_OTHER_FILESYSTEM = "NA-AREA-004"
    AREA_NOT_OURS = "NA-AREA-005"
    AREA_SIZE = "NA-AREA-006"
    AREA_NO_SPACE = "NA-AREA-007"
    AREA_STATE_DIRECTORY = "NA-AREA-008"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a low-level probe found on a device: a filesystem, a partition table, a RAID or LVM member."""

    type: str
    usage: str = ""
    label: str = ""
    uuid: str = ""
    offset_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One reason not to write: `id` as in docs/findings/, `reason` with what, where, got; `remedy` the next step."""

    id: str
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """Everything known about the use of one whole drive. `blank` is None where the content could not be probed."""

    identity: DeviceIdentity
    major_minor: str
    signatures: tuple[Signature, ...] = ()
    blank: bool | None = None
    refusals: tuple[Refusal, ...] = ()

    @property
    def free(self) -> bool:
        """Proved empty and unused: only then may a filesystem be made on it."""
        return self.blank is True and not self.refusals and not self.signatures
