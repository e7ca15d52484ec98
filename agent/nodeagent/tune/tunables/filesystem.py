"""Filesystems of the drives that a profile names: made where the drive is proved empty, mounted, given an owner.

A validator's ledger, accounts and snapshots each want a drive of their own. The usual recipe formats /dev/nvme1n1, and
after the next boot that name may be another drive. Here a drive is named by what lasts (serial, wwn, size), exactly
one must match, and a filesystem is made only where `make: when-empty` says so and the drive is proved empty and unused
(docs/data-safety.md). Its UUID is derived from the drive, the mount point and the type, so that the mount can be
planned before the filesystem exists and a second plan recognises what the first one made. What holds anything else is
a finding with the reasons, never a change; there is no force.

`raid0` joins equal drives to one array first, for cloud instances that have several drives where one is wanted; all of
them are proved blank together, and the filesystem is made on the array by the same rules (model/array_change.py).

What mkfs gets, and why:
- ext4 `lazy_itable_init=0,lazy_journal_init=0`: else a kernel thread writes inode tables for hours after the first
  mount, under every benchmark. mkfs takes longer instead (minutes on 15 TB without write-zeroes offload).
- ext4 `-m 1`: 5 % of 15 TB would keep 750 GB for root on a drive that root does not need to log in to.
- xfs, btrfs: their defaults; btrfs keeps two copies of its metadata on one drive since btrfs-progs 5.15.

Options are compared by meaning (model/mount_options.py) and changed by a remount where the filesystem can; what it
can't is told. Owner and mode belong to the root of the mounted filesystem, which is only visible once it is mounted:
until then that step is known after apply. Whether a mount comes back at boot is `persist`
(tune/filesystems/next_boot.py); it has no default, since a profile sets only what it names: without it the next boot is
looked at and told.

Rejected: labels or /dev/disk/by-id names as the source (labels are copied with a drive; links are udev's), `wipefs`
before mkfs (what is there may be needed), `discard` as a default (fstrim.timer trims without a cost on each delete).
Kernel: any. Sources: mount(8), mke2fs(8), mkfs.xfs(8), mkfs.btrfs(8), agave's setup guide for what goes where.
"""

from collections.abc import Iterator
from typing import Any

from nodeagent.model.change import (
    Deferred,
    DirectoryState,
    MakeFilesystem,
    MountState,
    PlanItem,
    Risk,
    SetDirectory,
    SetMount,
)
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.mount_options import kernel_options, same_question
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.setting import Mode, Setting
from nodeagent.model.verdict import Verdict
from nodeagent.tune.filesystems.array_state import CONFIG_DIRECTORY, ArrayState, array_change, config_change
from nodeagent.tune.filesystems.findings import findings
from nodeagent.tune.filesystems.next_boot import fstab_change, unit_changes
from nodeagent.tune.filesystems.settings import FilesystemEntry, FilesystemSettings, FilesystemType, Make
from nodeagent.tune.filesystems.state import DriveState, Seen, can_change, look_at_all

Entries = tuple[FilesystemEntry, ...]
_MOUNT_POINT_STATE = DirectoryState(mode=0o755, uid=0, gid=0)
MKFS_OPTIONS = {
    FilesystemType.EXT4: ("-m", "1", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    FilesystemType.XFS: (),
    FilesystemType.BTRFS: (),
}


class Filesystem:
    """The tunable; settings are the entries of a profile, one a mount point."""

    name: str = "filesystem"
    summary: str = "filesystems of named, empty drives: made, mounted by UUID, options and owner kept"
    risk: Risk = Risk.DESTRUCTIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="mount(2), and opening a drive"),
        Need(kind=NeedKind.CAPABILITY, name="CAP_SYS_ADMIN", reason="mount(2)"),
        Need(kind=NeedKind.TOOL, name="blkid", reason="what is on a drive", remedy="apt-get install util-linux"),
        Need(kind=NeedKind.TOOL, name="wipefs", reason="what is on a drive", remedy="apt-get install util-linux"),
        Need(kind=NeedKind.TOOL, name="mount", reason="mounting", remedy="apt-get install mount"),
        Need(kind=NeedKind.TOOL, name="mdadm", reason="arrays (raid0)", remedy="apt-get install mdadm"),
        Need(kind=NeedKind.TOOL, name="mkfs.ext4", reason="making ext4", remedy="apt-get install e2fsprogs"),
        Need(kind=NeedKind.TOOL, name="mkfs.xfs", reason="making xfs", remedy="apt-get install xfsprogs"),
        Need(kind=NeedKind.TOOL, name="mkfs.btrfs", reason="making btrfs", remedy="apt-get install btrfs-progs"),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = ("mount(8)", "mke2fs(8)", "mkfs.xfs(8)", "mkfs.btrfs(8)", "blkid(8)", "wipefs(8)")
    Settings: Any = FilesystemSettings

    def observe(self, host: HostReader, settings: Entries, facts: HostFacts) -> tuple[Seen, ...]:
        return look_at_all(host, settings, facts)

    def plan(self, observed: tuple[Seen, ...], settings: Entries, facts: HostFacts) -> tuple[PlanItem, ...]:
        items: dict[str, PlanItem] = {}
        for item in (item for seen in observed for item in _plan(seen)):
            items.setdefault(item.key, item)  # Two mount points may lack the same directory above them.
        table = fstab_change(seen for seen in observed if _comes_to_stand(seen))
        return (*items.values(), *([table] if table else []))

    def judge(self, observed: tuple[Seen, ...], settings: Entries, facts: HostFacts) -> Verdict:
        return Verdict(tunable=self.name, findings=tuple(item for seen in observed for item in findings(seen)))

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if host.mounts() else "the mounts of this machine can't be read (/proc/self/mountinfo)"


FILESYSTEM = Filesystem()


def _plan(seen: Seen) -> Iterator[PlanItem]:
    if seen.link or seen.target.kind not in ("directory", "absent"):
        return
    if seen.top is not None:
        if not seen.entry.has_drive or (seen.is_mounted and seen.drive is DriveState.EXPECTED):
            yield from _remount(seen)
            if seen.entry.has_drive:
                yield from _array_name(seen)
                yield from unit_changes(seen)
            yield from _owner(seen)
    elif seen.entry.has_drive:
        yield from _mount(seen)
    else:
        yield from _owner(seen)


def _comes_to_stand(seen: Seen) -> bool:
    """Is the entry's filesystem mounted in its place, or will it be by these steps?"""
    if not seen.entry.has_drive or seen.link or seen.target.kind not in ("directory", "absent"):
        return False
    if seen.top is not None:
        return seen.is_mounted and seen.drive is DriveState.EXPECTED
    known = seen.drive in (DriveState.EXPECTED, DriveState.STOPPED)
    return known or (seen.drive is DriveState.BLANK and _may_make(seen.entry.make))


def _mount(seen: Seen) -> Iterator[PlanItem]:
    """Nothing is mounted there yet."""
    makes = seen.drive is DriveState.BLANK and _may_make(seen.entry.make)
    if not makes and seen.drive not in (DriveState.EXPECTED, DriveState.STOPPED):
        return
    yield from _directories(seen)
    if seen.array is not None and seen.array.state in (ArrayState.BLANK, ArrayState.STOPPED):
        yield array_change(seen.array, seen.entry.make)
    if seen.drive is DriveState.STOPPED:
        yield from _known_once_it_runs(seen)
    else:
        if makes:
            yield _make(seen)
        yield _first_mount(seen)
    yield from _array_name(seen)
    yield from unit_changes(seen)
    if any(_enforced(setting) for setting in (seen.entry.owner, seen.entry.group, seen.entry.mode)):
        yield Deferred(
            key=seen.entry.key("owner"),
            tunable=FILESYSTEM.name,
            waits_for=seen.entry.key("mount"),
            summary=f"owner and mode of {seen.entry.mount_point}, once its filesystem is mounted",
        )


def _known_once_it_runs(seen: Seen) -> Iterator[Deferred]:
    """A stopped array does not tell what is on it."""
    parts = [("mount", "the mount", Risk.LIVE)]
    if _may_make(seen.entry.make):
        parts.insert(0, ("make", "the filesystem", Risk.DESTRUCTIVE))
    for part, what, risk in parts:
        yield Deferred(
            key=seen.entry.key(part),
            tunable=FILESYSTEM.name,
            waits_for=seen.entry.key("array"),
            summary=f"{what} of {seen.entry.mount_point}, once its array runs",
            risk=risk,
        )


def _array_name(seen: Seen) -> Iterator[PlanItem]:
    """Mdadm's own file for it, and its directory, which Debian's package does not make."""
    change = config_change(seen.array) if seen.array is not None else None
    if seen.array is None or change is None:
        return
    if not seen.array.has_config_directory:
        yield SetDirectory(
            key=f"{FILESYSTEM.name}:{CONFIG_DIRECTORY}:directory",
            tunable=FILESYSTEM.name,
            path=CONFIG_DIRECTORY,
            before=None,
            after=_MOUNT_POINT_STATE,
            why="mdadm reads the files in it beside mdadm.conf",
        )
    yield change


def _directories(seen: Seen) -> Iterator[SetDirectory]:
    if seen.target.kind == "directory":
        return
    path = seen.entry.mount_point
    for parent in (*seen.parents, path):
        yield SetDirectory(
            key=f"{FILESYSTEM.name}:{parent}:directory",
            tunable=FILESYSTEM.name,
            path=parent,
            before=None,
            after=_MOUNT_POINT_STATE,
            why="the mount point; root's, so that nobody fills the disk below while nothing is mounted",
        )


def _make(seen: Seen) -> MakeFilesystem:
    assert seen.identity is not None
    kind, setting = seen.entry.wanted_type, seen.entry.make
    return MakeFilesystem(
        key=seen.entry.key("make"),
        tunable=FILESYSTEM.name,
        risk=Risk.DESTRUCTIVE,
        device=seen.identity,
        fstype=kind.value,
        label=seen.entry.wanted_label,
        uuid=seen.wanted_uuid,
        options=mkfs_options(kind, seen.entry.make_options),
        why=(setting.why if setting else "") or "the drive is proved empty and unused",
        source=setting.source if setting else "",
    )


def mkfs_options(kind: FilesystemType, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Ours, without those flags that the profile gives a value of its own, and then the profile's."""
    given = [option.split(" ", 1) for option in wanted]
    ours = MKFS_OPTIONS[kind]
    pairs = [pair for pair in zip(ours[::2], ours[1::2], strict=True) if pair[0] not in [flag for flag, _ in given]]
    return tuple(word for pair in (*pairs, *given) for word in pair)


def _first_mount(seen: Seen) -> SetMount:
    setting = seen.entry.options
    return SetMount(
        key=seen.entry.key("mount"),
        tunable=FILESYSTEM.name,
        target=seen.entry.mount_point,
        before=None,
        after=MountState(
            source=f"UUID={seen.wanted_uuid}",
            fstype=seen.entry.wanted_type.value,
            options=kernel_options(setting.value if setting else ()),
        ),
        comes_back=seen.entry.comes_back,
        why=setting.why if setting else "",
        source=setting.source if setting else "",
    )


def _remount(seen: Seen) -> Iterator[SetMount]:
    """Bring the options that a remount can change to what the profile names; the others are told by `findings`."""
    setting, now = seen.entry.options, seen.mount
    if setting is None or now is None or not _enforced(setting):
        return
    wanted = kernel_options(setting.value)
    changed = frozenset(option for option in wanted - now.options if can_change(option, seen))
    if not changed:
        return
    replaced = frozenset(old for old in now.options if any(same_question(old, new) for new in changed))
    yield SetMount(
        key=seen.entry.key("mount"),
        tunable=FILESYSTEM.name,
        target=seen.entry.mount_point,
        before=MountState(source=now.source, fstype=now.fstype, options=replaced),
        after=MountState(source=now.source, fstype=now.fstype, options=changed),
        comes_back=seen.entry.comes_back,
        why=setting.why,
        source=setting.source,
    )


def _owner(seen: Seen) -> Iterator[SetDirectory]:
    now, wanted = seen.directory, _enforced_directory(seen)
    if now is None or wanted is None or now == wanted:
        return
    reasons = [setting for setting in (seen.entry.owner, seen.entry.group, seen.entry.mode) if setting]
    yield SetDirectory(
        key=seen.entry.key("owner"),
        tunable=FILESYSTEM.name,
        path=seen.entry.mount_point,
        before=now,
        after=wanted,
        root_of=seen.filesystem,
        why=next((setting.why for setting in reasons if setting.why), ""),
        source=next((setting.source for setting in reasons if setting.source), ""),
    )


def _enforced_directory(seen: Seen) -> DirectoryState | None:
    """The wanted state with only those parts changed that are enforced."""
    now, wanted, entry = seen.directory, seen.wanted_directory, seen.entry
    if now is None or wanted is None:
        return None
    return DirectoryState(
        mode=wanted.mode if _enforced(entry.mode) else now.mode,
        uid=wanted.uid if _enforced(entry.owner) else now.uid,
        gid=wanted.gid if _enforced(entry.group) else now.gid,
    )


def _may_make(setting: Setting[Make] | None) -> bool:
    return setting is not None and setting.mode is Mode.ENFORCE and setting.value is Make.WHEN_EMPTY


def _enforced(setting: Setting[Any] | None) -> bool:
    return setting is not None and setting.mode is Mode.ENFORCE
