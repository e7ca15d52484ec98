"""The reasons for not writing to a drive, each with a stable id, and the error that carries them.

Tests, documentation and operators talk about the same thing by the id; `docs/findings/NA-DISK.md` has a paragraph for
each. The list is the result of the accidents on record (cloud-init#3902, Ansible community.general#5467, fio#1382,
coreos/bugs#1060): a name taken for an identity, "nothing found" read as empty, one namespace taken for all of them.
"""

from collections.abc import Iterable
from enum import StrEnum

from nodeagent.model.errors import RefusedError
from nodeagent.model.occupancy import Refusal


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


class NotSafeError(RefusedError):
    """Refused, with every reason that was found; `ids` for those who look for one of them."""

    def __init__(self, what: str, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(refusals)
        listed = "; ".join(f"{refusal.id}: {refusal.reason}" for refusal in self.refusals)
        remedies = dict.fromkeys(refusal.remedy for refusal in self.refusals if refusal.remedy)
        super().__init__(f"{what}: {listed}", remedy="; ".join(remedies) or None)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(refusal.id for refusal in self.refusals)


def refuse(reason: Reason, text: str, *, remedy: str = "") -> Refusal:
    """One refusal; `text` says what, where and what was found there."""
    return Refusal(id=reason.value, reason=text, remedy=remedy)
