"""What stands at one mount point, and on the drive that belongs there: read once, for plan and judgement alike."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from nodeagent.model.change import DeviceIdentity, DirectoryState, FilesystemName, MountState
from nodeagent.model.facts import BlockDevice, HostFacts
from nodeagent.model.host_reader import HostReader, MountEntry, PathState
from nodeagent.model.mount_options import can_remount, in_force, same_question
from nodeagent.model.occupancy import Occupancy, Reason, Refusal, Signature
from nodeagent.tune.filesystems.array_state import ArrayState, SeenArray, look_at_array
from nodeagent.tune.filesystems.boot_mounts import BootFiles, look_at_boot
from nodeagent.tune.filesystems.settings import FilesystemEntry
from nodeagent.tune.ownership import group_id, user_id

_USED_HERE = (
    Reason.MOUNTED.value,
    Reason.MOUNTED_ELSEWHERE.value,
    Reason.CLAIMED.value,
    Reason.BTRFS_MEMBER.value,
    Reason.LOOP.value,
    Reason.USERS_UNKNOWN.value,
)
"""What is to be expected of a filesystem that is mounted where it belongs: bind mounts, containers, images on it."""


class DriveState(StrEnum):
    """What the drive of an entry is good for, in the order of hope."""

    EXPECTED = "expected"
    BLANK = "blank"
    STOPPED = "stopped"
    FOREIGN = "foreign"
    UNDECIDED = "undecided"
    SHARED = "shared"
    MISSING = "missing"


_OF_ARRAY = {
    ArrayState.BLANK: DriveState.BLANK,
    ArrayState.STOPPED: DriveState.STOPPED,
    ArrayState.MISCOUNTED: DriveState.MISSING,
}
"""What an array that does not run is good for; every other state is for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One entry and what was found. `parents` are the directories above that are missing, outermost first.

    `top` is mounted exactly there; `around` is the mount that the directory lies on (the same one, if any). `link` is
    the first symbolic link on the way. `uid` and `gid` are what the profile's names mean here, None where unknown.
    `rivals` are other mount points of the profile that mean the same drive. For an entry with `raid0`, `candidates`
    is its array once that runs, and its drives until then.
    """

    entry: FilesystemEntry
    target: PathState
    parents: tuple[str, ...]
    link: str
    top: MountEntry | None
    around: MountEntry | None
    candidates: tuple[BlockDevice, ...]
    occupancy: Occupancy | None
    uid: int | None
    gid: int | None
    boot: BootFiles
    has_systemd: bool
    array: SeenArray | None = None
    rivals: tuple[str, ...] = ()

    @property
    def drive(self) -> DriveState:
        if self.array is not None and self.array.state is not ArrayState.RUNNING:
            state = _OF_ARRAY.get(self.array.state, DriveState.UNDECIDED)
            return DriveState.SHARED if self.rivals and state is not DriveState.MISSING else state
        if len(self.candidates) != 1 or self.occupancy is None:
            return DriveState.MISSING
        if self.rivals:
            return DriveState.SHARED
        if self.occupancy.free:
            return DriveState.BLANK
        if self.signature is None:
            return DriveState.UNDECIDED
        if not self._is_expected(self.signature):
            return DriveState.FOREIGN
        return DriveState.UNDECIDED if self.obstacles else DriveState.EXPECTED

    @property
    def signature(self) -> Signature | None:
        """The one filesystem on the drive; None where there is none, several, or it can't be told."""
        if self.occupancy is None or len(self.occupancy.signatures) != 1:
            return None
        return self.occupancy.signatures[0]

    @property
    def is_mounted(self) -> bool:
        """Is it the filesystem of this entry's drive that is mounted there?"""
        if self.top is None or self.occupancy is None:
            return False
        uuid = self.signature.uuid if self.signature else ""
        return self.top.major_minor == self.occupancy.major_minor or bool(uuid and self.top.uuid == uuid)

    @property
    def obstacles(self) -> tuple[Refusal, ...]:
        """What speaks against mounting the expected filesystem: everything but that it is there, and is in use here."""
        if self.occupancy is None:
            return ()
        accepted = {Reason.SIGNATURE.value, *(_USED_HERE if self.is_mounted else ())}
        return tuple(refusal for refusal in self.occupancy.refusals if refusal.id not in accepted)

    @property
    def wanted_uuid(self) -> str:
        return self.entry.wanted_uuid(self.identity) if self.identity else ""

    @property
    def identity(self) -> DeviceIdentity | None:
        """The drive that the filesystem belongs on; None where it is not known which."""
        if self.array is not None:
            return self.array.identity if self.array.state is not ArrayState.MISCOUNTED else None
        return self.occupancy.identity if self.occupancy else None

    @property
    def is_decided(self) -> bool:
        """Do as many drives match as are wanted?"""
        if self.array is not None:
            return self.array.state is not ArrayState.MISCOUNTED
        return len(self.candidates) == 1

    @property
    def drives(self) -> frozenset[str]:
        """The names of all drives that are meant."""
        members = self.array.members if self.array else ()
        return frozenset(device.name for device in (*self.candidates, *members))

    @property
    def uuid_at_boot(self) -> str:
        """What is to be mounted at the next boot: the filesystem that is there as wanted, else the one to be made."""
        return self.expected_uuid or self.wanted_uuid

    @property
    def expected_uuid(self) -> str:
        """The UUID of the filesystem that is there as wanted; "" where it is not."""
        return self.signature.uuid if self.signature and self.drive is DriveState.EXPECTED else ""

    @property
    def mount(self) -> MountState | None:
        """The mount at the target, with what is in force for each option that is named."""
        if self.top is None:
            return None
        source = f"UUID={self.top.uuid}" if self.top.uuid else self.top.source
        return MountState(source=source, fstype=self.top.fstype, options=self.options_in_force)

    @property
    def filesystem(self) -> FilesystemName | None:
        """What is mounted at the target, by its UUID; None where nothing is, or nobody can tell."""
        return FilesystemName(uuid=self.top.uuid, fstype=self.top.fstype) if self.top and self.top.uuid else None

    @property
    def options_in_force(self) -> frozenset[str]:
        """What is in force for each named option on the mount that the directory lies on."""
        mount = self.top or self.around
        named = self.entry.options.value if self.entry.options else ()
        return in_force(named, mount.options, fstype=mount.fstype) if mount else frozenset()

    @property
    def directory(self) -> DirectoryState | None:
        if self.target.kind != "directory":
            return None
        return DirectoryState(mode=self.target.mode, uid=self.target.uid, gid=self.target.gid)

    @property
    def wanted_directory(self) -> DirectoryState | None:
        """The directory as it is, with what the profile names put in; None where a name is not known here."""
        now, entry = self.directory, self.entry
        if now is None or (entry.owner and self.uid is None) or (entry.group and self.gid is None):
            return None
        return DirectoryState(
            mode=int(entry.mode.value, 8) if entry.mode else now.mode,
            uid=self.uid if self.uid is not None else now.uid,
            gid=self.gid if self.gid is not None else now.gid,
        )

    def _is_expected(self, found: Signature) -> bool:
        """A filesystem that is mounted there already need not have been made here: its UUID may be any."""
        same_kind = (found.type, found.label) == (self.entry.wanted_type, self.entry.wanted_label)
        same_uuid = found.uuid == self.wanted_uuid or (self.is_mounted and self.entry.uuid is None)
        return same_kind and same_uuid


def can_change(option: str, seen: Seen) -> bool:
    """Can a remount bring this option about, and a rollback restore what is in force instead?"""
    if seen.top is None:
        return False
    has_way_back = any(same_question(option, old) for old in seen.options_in_force)
    return has_way_back and can_remount(option, fstype=seen.top.fstype)


def look(host: HostReader, entry: FilesystemEntry, facts: HostFacts) -> Seen:
    """Read what there is to know about one entry."""
    array = look_at_array(host, entry, entry.raid0, facts.block_devices) if entry.raid0 else None
    candidates = _candidates(entry, array, facts.block_devices)
    running = array is None or array.array is not None
    occupancy = host.occupancy(candidates[0]) if len(candidates) == 1 and running else None
    mounts = host.mounts()
    parents, link = _way(host, entry.mount_point)
    return Seen(
        entry=entry,
        target=host.stat(entry.mount_point),
        parents=parents,
        link=link,
        top=next((mount for mount in reversed(mounts) if mount.target == entry.mount_point), None),
        around=_around(entry.mount_point, mounts),
        candidates=candidates,
        occupancy=occupancy,
        uid=user_id(host, entry.owner.value) if entry.owner else None,
        gid=group_id(host, entry.group.value) if entry.group else None,
        boot=look_at_boot(host, entry.mount_point),
        has_systemd=facts.platform.init == "systemd",
        array=array,
    )


def look_at_all(host: HostReader, entries: Iterable[FilesystemEntry], facts: HostFacts) -> tuple[Seen, ...]:
    """All entries, each with those that mean the same drive."""
    looks = [look(host, entry, facts) for entry in entries]
    return tuple(replace(seen, rivals=_rivals(seen, looks)) for seen in looks)


def _rivals(seen: Seen, looks: Iterable[Seen]) -> tuple[str, ...]:
    if not seen.is_decided:
        return ()
    same = (other for other in looks if other is not seen and other.is_decided and other.drives & seen.drives)
    return tuple(other.entry.mount_point for other in same)


def _candidates(
    entry: FilesystemEntry, array: SeenArray | None, devices: Iterable[BlockDevice]
) -> tuple[BlockDevice, ...]:
    if array is not None:
        return (array.array,) if array.array else array.members
    selector = entry.device
    return tuple(device for device in devices if selector.matches(device)) if selector else ()


def _way(host: HostReader, path: str) -> tuple[tuple[str, ...], str]:
    """Missing directories above `path`, and the first symbolic link among it and those above; "" for none."""
    names = path.split("/")[1:]
    missing: list[str] = []
    for count in range(1, len(names) + 1):
        step = "/" + "/".join(names[:count])
        kind = host.stat(step).kind
        if kind == "symlink":
            return tuple(missing), step
        if kind == "absent" and count < len(names):
            missing.append(step)
    return tuple(missing), ""


def _around(path: str, mounts: Iterable[MountEntry]) -> MountEntry | None:
    """The mount whose target is the longest prefix of `path`, the last one of those stacked there."""
    found: MountEntry | None = None
    for mount in mounts:
        below = path == mount.target or path.startswith(mount.target.rstrip("/") + "/")
        if below and (found is None or len(mount.target) >= len(found.target)):
            found = mount
    return found
