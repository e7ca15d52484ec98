"""What a profile may say about filesystems; the `filesystem` tunable's Settings.

    filesystem:
      - name: ledger
        mount_point: /mnt/ledger
        device: {serial: "S6XX*", size_at_least_bytes: 14TB}
        type: ext4
        label: ledger
        options: [noatime]
        owner: sol
        make: when-empty
        persist: unit

In place of `device`, `raid0: {devices: {model: "*Instance Storage*", count: 2}}` joins that many equal drives to one
array.

An entry without either only looks after the options and the owner of what is mounted there already.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid5

from nodeagent.model.change import DeviceIdentity
from nodeagent.model.mount_options import option_problem
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Mode, Setting
from nodeagent.profiles.constraint import Check, Fault, Pattern

_NAMESPACE = UUID("8ad166e7-e812-51bc-a0c3-78737f849734")
_MOUNT_POINT = r"/|(/[^/\0\n]+)+"
_DOTS = re.compile(r"(^|/)\.{1,2}(/|$)")
_WRITABLE_PATH = re.compile(r"(/[^/\\\s\x00-\x1f\x7f](([^/\\\x00-\x1f\x7f]*)[^/\\\s\x00-\x1f\x7f])?)+")
"""Blanks inside are fine; those at an end are cut off by systemd, and a backslash joins lines there."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.]+")
_ARRAY_NAME_LIMIT = 27
"""md_p.h gives a name 32 bytes, and `any:` stands before it."""
_CHUNK_LIMITS = (4096, 64 * 1024**2)
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class FilesystemType(StrEnum):
    """The filesystems that can be made here."""

    EXT4 = "ext4"
    XFS = "xfs"
    BTRFS = "btrfs"

    @property
    def label_limit(self) -> int:
        """The longest label in bytes (mke2fs(8), mkfs.xfs(8), mkfs.btrfs(8))."""
        return {FilesystemType.EXT4: 16, FilesystemType.XFS: 12, FilesystemType.BTRFS: 255}[self]


class Make(StrEnum):
    """May a filesystem be made? Only on a drive that is proved empty, or not at all."""

    NEVER = "never"
    WHEN_EMPTY = "when-empty"


_MKFS_OPTIONS = {
    FilesystemType.EXT4: r"-m \d{1,2}|-i \d{4,8}|-I (256|512|1024)|-b (1024|2048|4096)|-J size=\d{1,5}|-T largefile4?",
    FilesystemType.XFS: r"-b size=\d{3,5}|-s size=(512|4096)|-d agcount=\d{1,5}|-i maxpct=\d{1,3}|-m reflink=[01]",
    FilesystemType.BTRFS: r"-m (single|dup)|-d (single|dup)|-n (4096|16384|32768|65536)",
}
"""What a profile may say to mkfs: how the space is divided. Nothing that forces, names another device or a type."""


class Persist(StrEnum):
    """Who mounts it at the next boot: a mount unit of ours, a line in fstab, or nobody that this agent cares about.

    `never`, as in `make`, and not `no`: many readers of YAML make a truth value of that.
    """

    UNIT = "unit"
    FSTAB = "fstab"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class RaidSettings:
    """RAID 0 of as many drives as `devices` counts, striped in chunks; there is no redundancy in it."""

    devices: DeviceSelector
    chunk_bytes: int = 512 * 1024


Label = Annotated[str, Pattern(r"[A-Za-z0-9._-]+", "a label of letters, digits, '.', '_' and '-'")]
Account = Annotated[str, Pattern(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?|[0-9]{1,9}", "a local name or a number")]
DirectoryMode = Annotated[str, Pattern(r"0?[0-7]{3}|[1-7][0-7]{3}", "a mode such as 0755")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesystemEntry:
    """One mount point. `uuid` adopts a filesystem that somebody else made; without it only our own is accepted.

    `make_options` are more words for mkfs, in place of our own where they name the same flag; what was made with
    others is not made again. `name` only lets a profile that extends this one refine the entry.
    """

    mount_point: Annotated[str, Pattern(_MOUNT_POINT, "an absolute path without a trailing '/'")]
    name: str = ""
    device: DeviceSelector | None = None
    raid0: RaidSettings | None = None
    type: Setting[FilesystemType] | None = None
    label: Setting[Label] | None = None
    uuid: Setting[Annotated[str, Pattern(_UUID, "a UUID in small letters")]] | None = None
    options: Setting[tuple[str, ...]] | None = None
    owner: Setting[Account] | None = None
    group: Setting[Account] | None = None
    mode: Setting[DirectoryMode] | None = None
    make: Setting[Make] | None = None
    make_options: tuple[str, ...] = ()
    persist: Setting[Persist] | None = None

    def key(self, part: str) -> str:
        """The key of a change or finding: array, array-name, make, directory, mount, owner, boot, boot-unit."""
        return f"filesystem:{self.mount_point}:{part}"

    @property
    def has_drive(self) -> bool:
        """Does it name a drive or an array, or only a directory?"""
        return self.device is not None or self.raid0 is not None

    @property
    def drive_words(self) -> str:
        return f"RAID 0 of the drives with {self.raid0.devices}" if self.raid0 else f"drive with {self.device}"

    @property
    def array_name(self) -> str:
        """The name of its array below /dev/md, after the mount point as the mount unit is."""
        return _NOT_IN_NAMES.sub("-", self.mount_point.strip("/"))

    @property
    def comes_back(self) -> bool:
        """Is something of ours to mount it again at every boot?"""
        setting = self.persist
        return setting is not None and setting.mode is Mode.ENFORCE and setting.value is not Persist.NEVER

    @property
    def wanted_type(self) -> FilesystemType:
        return self.type.value if self.type else FilesystemType.EXT4

    @property
    def wanted_label(self) -> str:
        return self.label.value if self.label else ""

    def wanted_uuid(self, identity: DeviceIdentity) -> str:
        """Given by the profile, else derived: the same drive, place and type always give the same one."""
        if self.uuid is not None:
            return self.uuid.value
        lasting = (identity.serial, identity.wwn, identity.backing_file, str(identity.size_bytes))
        return str(uuid5(_NAMESPACE, "\n".join((*lasting, self.mount_point, self.wanted_type))))


def faults(entries: tuple[FilesystemEntry, ...]) -> Iterator[Fault]:
    """What only the whole can tell."""
    seen: set[str] = set()
    uuids: set[str] = set()
    for at, entry in enumerate(entries):
        if entry.uuid is not None:
            if entry.uuid.value in uuids:
                yield Fault(path=(at, "uuid"), problem="stands in two entries")
            uuids.add(entry.uuid.value)
        names = [other.array_name for other in entries[:at] if other.raid0 is not None]
        if entry.raid0 is not None and entry.array_name in names:
            yield Fault(path=(at, "mount_point"), problem=f"a second array would be called {entry.array_name}")
        if entry.mount_point in seen:
            yield Fault(path=(at, "mount_point"), problem="stands in two entries")
        seen.add(entry.mount_point)
        hides = [other.mount_point for other in entries[:at] if other.mount_point.startswith(f"{entry.mount_point}/")]
        if hides:
            yield Fault(path=(at, "mount_point"), problem=f"would hide {hides[0]}, so it must stand before it")
        if _DOTS.search(entry.mount_point):
            yield Fault(path=(at, "mount_point"), problem="wanted a path without '.' and '..'")
        yield from _option_faults(at, entry)
        yield from _drive_faults(at, entry)
        yield from _persist_faults(at, entry)


def _option_faults(at: int, entry: FilesystemEntry) -> Iterator[Fault]:
    for position, option in enumerate(entry.make_options):
        if not re.fullmatch(_MKFS_OPTIONS[entry.wanted_type], option):
            problem = f"wanted a flag and its value that mkfs.{entry.wanted_type} may get here, as in '-m 0'"
            yield Fault(path=(at, "make_options", position), problem=problem)
    for position, option in enumerate(entry.options.value if entry.options else ()):
        if problem := option_problem(option):
            yield Fault(path=(at, "options", position), problem=problem)


def _persist_faults(at: int, entry: FilesystemEntry) -> Iterator[Fault]:
    if entry.persist is not None and not _WRITABLE_PATH.fullmatch(entry.mount_point):
        problem = "can't be written into a unit or fstab: wanted letters, digits and plain signs, no blank at an end"
        yield Fault(path=(at, "mount_point"), problem=problem)
    if entry.persist is not None and entry.options is not None and "noauto" in entry.options.value:
        yield Fault(path=(at, "options"), problem="noauto says the opposite of persist")


def _drive_faults(at: int, entry: FilesystemEntry) -> Iterator[Fault]:
    if entry.raid0 is not None:
        yield from _array_faults(at, entry, entry.raid0)
    if not entry.has_drive:
        for name in ("type", "label", "uuid", "make", "make_options", "persist"):
            if getattr(entry, name):
                yield Fault(path=(at, name), problem="means nothing without a device", at_key=True)
        return
    if entry.mount_point == "/":
        yield Fault(path=(at, "mount_point"), problem="the root filesystem is never made or mounted here")
    if entry.device is not None and entry.device.count not in (None, 1):
        yield Fault(path=(at, "device", "count"), problem="wanted 1: a mount point has one drive")
    for name in ("type", "label"):
        if getattr(entry, name) is None:
            yield Fault(path=(at,), problem=f"an entry with a device needs a {name}")
    if entry.uuid is not None and entry.make is not None and entry.make.value is Make.WHEN_EMPTY:
        # Another drive may have this UUID already, and of two with one UUID none can be mounted.
        yield Fault(path=(at, "uuid"), problem="adopts what somebody made, so nothing can be made with it", at_key=True)
    limit = entry.wanted_type.label_limit
    if len(entry.wanted_label) > limit:
        yield Fault(path=(at, "label"), problem=f"wanted at most {limit} characters for {entry.wanted_type}")


def _array_faults(at: int, entry: FilesystemEntry, raid0: RaidSettings) -> Iterator[Fault]:
    """Nothing about a member may be left to chance: how many there are is said, and by what they are told."""
    smallest, largest = _CHUNK_LIMITS
    chunk = raid0.chunk_bytes
    if entry.device is not None:
        yield Fault(path=(at, "raid0"), problem="stands beside device: wanted one of them", at_key=True)
    if raid0.devices.count is None or raid0.devices.count < 2:
        yield Fault(path=(at, "raid0", "devices"), problem="needs a count of 2 or more: exactly as many must match")
    if all(getattr(raid0.devices, item.name) is None for item in fields(raid0.devices) if item.name != "count"):
        yield Fault(path=(at, "raid0", "devices"), problem="names no property of a drive, such as model or serial")
    if not smallest <= chunk <= largest or chunk & (chunk - 1):
        yield Fault(path=(at, "raid0", "chunk_bytes"), problem="wanted a power of two from 4KiB to 64MiB")
    if len(entry.array_name) > _ARRAY_NAME_LIMIT:
        problem = f"wanted at most {_ARRAY_NAME_LIMIT} characters, since its array is called {entry.array_name}"
        yield Fault(path=(at, "mount_point"), problem=problem)


FilesystemSettings = Annotated[tuple[FilesystemEntry, ...], Check(faults)]
