"""Joining drives to one array: RAID 0 of the equal drives that a cloud instance has where one is wanted.

The array's UUID is made from its members' identities, so it is known before the array exists, a plan can name the
filesystem on it, and whoever meets the array later can prove that it was made here: members that are known by serial
number carry a UUID that follows from those numbers.

What members look like together is one word here, for planning and for the look right before the deed alike. Sources:
mdadm(8), md(4).
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid5

from nodeagent.model.change import Change, DeviceIdentity, Lifetime
from nodeagent.model.occupancy import Occupancy, Reason

MEMBER_TYPE = "linux_raid_member"
"""What blkid(8) calls a drive with a superblock of md."""

_NAMESPACE = UUID("f0a4b3c6-95a1-5f0e-9d7e-4f5f0d2f6c11")
_WWN_PREFIX = "md-uuid-"
_KIB = 1024


class MembersState(StrEnum):
    """What the drives of an array that does not run look like together."""

    BLANK = "blank"
    STOPPED = "stopped"
    UNFINISHED = "unfinished"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeArray(Change):
    """Join whole, empty, named drives to an array of level 0; or start it, where `before` says that it is only stopped.

    There is no way back from the first. `members` are in the order of `member_order`, as they are in the array. Without
    `--run`, mdadm asks before it writes over anything that it knows, and takes silence for a no.
    """

    kind = "make-array"
    lifetime = Lifetime.IRREVERSIBLE

    members: tuple[DeviceIdentity, ...]
    uuid: str
    name: str
    chunk_bytes: int
    before: MembersState = MembersState.BLANK

    def before_state(self) -> str:
        return self.before.value

    def after_state(self) -> str:
        return array_state(uuid=self.uuid, members=len(self.members), chunk_bytes=self.chunk_bytes)

    def arguments(self) -> tuple[str, ...]:
        """What mdadm is called with, but for the members that follow."""
        node, uuid = f"/dev/md/{self.name}", colon_uuid(self.uuid)
        if self.before is MembersState.STOPPED:
            return ("mdadm", "--assemble", node, f"--uuid={uuid}")
        return (
            *("mdadm", "--create", node, "--level=0", f"--raid-devices={len(self.members)}"),
            *("--metadata=1.2", f"--chunk={self.chunk_bytes // _KIB}", f"--uuid={uuid}"),
            *(f"--name={self.name}", "--homehost=any"),
        )

    def command(self) -> str:
        return shlex.join([*self.arguments(), *(f"/dev/{member.name}" for member in self.members)])

    def inverse(self) -> None:
        return None


def array_state(*, uuid: str, members: int, chunk_bytes: int) -> str:
    """The canonical state of an array of level 0 that runs."""
    return f"raid0 uuid={uuid} devices={members} chunk_bytes={chunk_bytes}"


def member_order(member: DeviceIdentity) -> tuple[str, str, str]:
    """Sorts members by what lasts; their names move between boots."""
    return member.serial, member.wwn, member.backing_file


def array_uuid(members: Iterable[DeviceIdentity], *, chunk_bytes: int) -> str:
    """The UUID of the array of these drives: the same drives and chunk always give the same one."""
    lasting = sorted((*member_order(member), str(member.size_bytes)) for member in members)
    lines = ["raid0", str(chunk_bytes), *("\t".join(words) for words in lasting)]
    return str(uuid5(_NAMESPACE, "\n".join(lines)))


def array_identity(uuid: str, *, name: str, size_bytes: int) -> DeviceIdentity:
    """An array as a drive; before it exists `size_bytes` is that of its members together."""
    return DeviceIdentity(wwn=array_wwn(uuid), size_bytes=size_bytes, name=name)


def array_wwn(uuid: str) -> str:
    """What stands for an array where a drive has its world-wide name, as its link in /dev/disk/by-id is called."""
    return f"{_WWN_PREFIX}{colon_uuid(uuid)}"


def is_array(identity: DeviceIdentity) -> bool:
    return identity.wwn.startswith(_WWN_PREFIX)


def colon_uuid(uuid: str) -> str:
    """As mdadm writes a UUID: four groups of eight digits."""
    digits = uuid.replace("-", "")
    return ":".join(digits[at : at + 8] for at in range(0, 32, 8))


def members_state(looks: Sequence[Occupancy], *, uuid: str) -> MembersState:
    """Blank and unused all; all of our array, which does not run; some of each; or one in any other use."""
    blank = [look.free for look in looks]
    ours = [_is_stopped_member(look, uuid) for look in looks]
    if looks and all(blank):
        return MembersState.BLANK
    if looks and all(ours):
        return MembersState.STOPPED
    if looks and all(free or mine for free, mine in zip(blank, ours, strict=True)):
        return MembersState.UNFINISHED
    return MembersState.TAKEN


def _is_stopped_member(look: Occupancy, uuid: str) -> bool:
    """Nothing but our superblock was found, and nobody uses the drive."""
    mine = [signature.type == MEMBER_TYPE and signature.uuid == uuid for signature in look.signatures]
    return mine == [True] and all(refusal.id == Reason.SIGNATURE.value for refusal in look.refusals)
