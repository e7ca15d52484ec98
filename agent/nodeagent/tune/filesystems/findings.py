"""What `verify` says about one filesystem: the drive, the mount, its options, its owner, the next boot."""

from collections.abc import Iterator
from typing import Any

from nodeagent.model.mount_options import kernel_options
from nodeagent.model.occupancy import Reason, Refusal
from nodeagent.model.setting import Mode, Setting
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.filesystems.array_findings import STOPPED, array_findings
from nodeagent.tune.filesystems.next_boot import boot_findings
from nodeagent.tune.filesystems.settings import Make
from nodeagent.tune.filesystems.state import DriveState, Seen, can_change

UNUSABLE_PATH = "NA-FS-001"
DRIVE_FOREIGN = "NA-FS-002"
NOT_MADE = "NA-FS-003"
MOUNTED_OTHER = "NA-FS-004"
NOT_MOUNTED = "NA-FS-005"
OPTIONS_DIFFER = "NA-FS-006"
OPTIONS_NEED_UNMOUNT = "NA-FS-007"
UNKNOWN_ACCOUNT = "NA-FS-008"
OWNER_DIFFERS = "NA-FS-009"
DRIVE_OF_TWO = "NA-FS-016"

_APPLY = "nodeagent tune apply"


def findings(seen: Seen) -> Iterator[Finding]:
    """Everything there is to say about one entry; what is as wanted is said too."""
    if seen.link or seen.target.kind not in ("directory", "absent"):
        yield _unusable(seen)
        return
    if seen.entry.has_drive:
        yield from _drive(seen)
    yield from _mount(seen)
    yield from _owner(seen)
    if seen.entry.has_drive:
        yield from boot_findings(seen)


def _unusable(seen: Seen) -> Finding:
    got = f"{seen.link} is a symbolic link" if seen.link else f"it is a {seen.target.kind}"
    return Finding(
        subject=seen.entry.key("directory"),
        state=State.DRIFT,
        got=got,
        wanted="a directory, reached without symbolic links",
        remedy=f"ls -ld {seen.link or seen.entry.mount_point}; name the real path in the profile",
        id=UNUSABLE_PATH,
    )


def _drive(seen: Seen) -> Iterator[Finding]:
    if seen.array is not None and seen.drive is not DriveState.SHARED:
        optional = _optional(seen.entry.type) or _optional(seen.entry.make)
        yield from array_findings(seen.array, may_make=_may_make(seen), optional=optional)
    match seen.drive:
        case DriveState.MISSING:
            yield _no_drive(seen)
        case DriveState.SHARED:
            yield _shared(seen)
        case DriveState.BLANK:
            yield _blank(seen)
        case DriveState.STOPPED:
            yield _told(seen, State.UNKNOWN, got="its array does not run", remedy=_APPLY, id=STOPPED)
        case DriveState.FOREIGN:
            yield _told(seen, State.DRIFT, got=_on_it(seen), remedy=_foreign_remedy(seen), id=DRIVE_FOREIGN)
            yield from (_refused(seen, refusal) for refusal in _reasons(seen))
        case DriveState.UNDECIDED:
            yield from (_refused(seen, refusal) for refusal in _reasons(seen))
        case DriveState.EXPECTED:
            yield _told(seen, State.OK, got=_on_it(seen))


def _no_drive(seen: Seen) -> Finding:
    names = ", ".join(device.name for device in seen.candidates)
    reason = Reason.NOT_UNIQUE if names else Reason.NOT_FOUND
    return _told(
        seen,
        State.DRIFT,
        got=f"{len(seen.candidates)} drives match ({names})" if names else "no drive matches",
        wanted=_wanted_drives(seen),
        remedy="nodeagent host show lists the drives; name one by serial or wwn",
        id=reason.value,
    )


def _selector(seen: Seen) -> str:
    return str(seen.entry.raid0.devices if seen.entry.raid0 else seen.entry.device)


def _wanted_drives(seen: Seen) -> str:
    """RAID 0 takes exactly as many as its selector counts."""
    count = seen.entry.raid0.devices.count if seen.entry.raid0 else None
    return f"exactly {count} drives with {_selector(seen)}" if count else f"exactly one drive with {_selector(seen)}"


def _shared(seen: Seen) -> Finding:
    names = ", ".join(device.name for device in seen.candidates)
    return _told(
        seen,
        State.DRIFT,
        got=f"{names} {'are' if len(seen.candidates) > 1 else 'is'} meant for {', '.join(seen.rivals)} as well",
        wanted=f"{'drives' if seen.array else 'a drive'} of its own with {_selector(seen)}",
        remedy="nodeagent host show lists the drives; tell them apart by size or serial",
        id=DRIVE_OF_TWO,
    )


def _blank(seen: Seen) -> Finding:
    remedy = _APPLY if _may_make(seen) else "`make: when-empty` in the profile lets it be made"
    return _told(seen, State.DRIFT, got="blank", remedy=remedy, id=NOT_MADE)


def _may_make(seen: Seen) -> bool:
    make = seen.entry.make
    return make is not None and make.value is Make.WHEN_EMPTY and make.mode is Mode.ENFORCE


def _refused(seen: Seen, refusal: Refusal) -> Finding:
    """Unknown where the drive could not be looked at; else it differs from what is wanted."""
    unknown = refusal.id in (Reason.CONTENT_UNKNOWN.value, Reason.USERS_UNKNOWN.value)
    state = State.UNKNOWN if unknown else State.DRIFT
    return _told(seen, state, got=refusal.reason, remedy=refusal.remedy or _foreign_remedy(seen), id=refusal.id)


def _reasons(seen: Seen) -> tuple[Refusal, ...]:
    if seen.is_mounted:
        return seen.obstacles
    if seen.array is not None and seen.array.array is None:
        return seen.array.refusals
    return seen.occupancy.refusals if seen.occupancy else ()


def _on_it(seen: Seen) -> str:
    found = seen.signature
    return f"{found.type} labelled {found.label!r}, UUID {found.uuid}" if found else "nothing that is known"


def _foreign_remedy(seen: Seen) -> str:
    name = seen.candidates[0].name
    return f"look: lsblk -f /dev/{name}; to keep it, give its type, label and uuid in the profile"


def _told(seen: Seen, state: State, *, got: str, wanted: str = "", remedy: str = "", id: str | None = None) -> Finding:
    entry = seen.entry
    expected = f"{entry.wanted_type} labelled {entry.wanted_label!r}"
    if seen.wanted_uuid and not (state is State.OK and seen.is_mounted):
        expected += f", UUID {seen.wanted_uuid}"
    setting = entry.make or entry.type
    return Finding(
        subject=entry.key("make"),
        state=state,
        got=got,
        wanted=wanted or expected,
        remedy=remedy,
        why=setting.why if setting else "",
        source=setting.source if setting else "",
        optional=_optional(entry.type) or _optional(entry.make),
        id=id,
    )


def _mount(seen: Seen) -> Iterator[Finding]:
    entry, setting = seen.entry, seen.entry.options
    if entry.has_drive and seen.top is not None and not seen.is_mounted:
        yield _about_mount(
            seen,
            State.DRIFT,
            got=f"{seen.top.source} ({seen.top.fstype})",
            wanted=_wanted_source(seen),
            remedy=f"findmnt {entry.mount_point}; unmount it, then {_APPLY}",
            id=MOUNTED_OTHER,
        )
        return
    if entry.has_drive and seen.top is None:
        ready = seen.drive in (DriveState.EXPECTED, DriveState.BLANK, DriveState.STOPPED)
        remedy = _APPLY if ready else "mend what is said about its drive first"
        yield _about_mount(
            seen, State.DRIFT, got="nothing is mounted", wanted=_wanted_source(seen), remedy=remedy, id=NOT_MOUNTED
        )
        return
    if setting is not None and setting.mode is not Mode.IGNORE:
        yield from _options(seen, setting)
    elif entry.has_drive:
        yield _about_mount(seen, State.OK, got="mounted", wanted="mounted")


def _wanted_source(seen: Seen) -> str:
    return f"UUID={seen.wanted_uuid}" if seen.wanted_uuid else f"the {seen.entry.drive_words}"


def _options(seen: Seen, setting: Setting[tuple[str, ...]]) -> Iterator[Finding]:
    mount = seen.top or seen.around
    if mount is None:
        yield _about_mount(
            seen,
            State.UNKNOWN,
            got="no mount is known",
            wanted=", ".join(setting.value),
            remedy=f"findmnt --target {seen.entry.mount_point}",
        )
        return
    now, wanted = seen.options_in_force, kernel_options(setting.value)
    missing = sorted(wanted - now)
    stuck = [option for option in missing if seen.top is not None and not can_change(option, seen)]
    got = ", ".join(sorted(now)) or "none of them"
    if not missing:
        yield _about_mount(seen, State.OK, got=got, wanted=", ".join(sorted(wanted)))
        return
    if stuck:
        remedy = f"umount {mount.target}, then {_APPLY}: {mount.fstype} can't change {', '.join(stuck)} while mounted"
    elif seen.top is None:
        remedy = f"it lies on {mount.target}: mount -o remount,{','.join(missing)} {mount.target}"
    else:
        remedy = _APPLY
    found = OPTIONS_NEED_UNMOUNT if stuck else OPTIONS_DIFFER
    yield _about_mount(seen, State.DRIFT, got=got, wanted=", ".join(sorted(wanted)), remedy=remedy, id=found)


def _about_mount(
    seen: Seen, state: State, *, got: str, wanted: str, remedy: str = "", id: str | None = None
) -> Finding:
    setting = seen.entry.options
    return Finding(
        subject=seen.entry.key("mount"),
        state=state,
        got=got,
        wanted=wanted,
        remedy=remedy,
        why=setting.why if setting else "",
        source=setting.source if setting else "",
        optional=_optional(setting),
        id=id,
    )


def _owner(seen: Seen) -> Iterator[Finding]:
    entry = seen.entry
    settings = [setting for setting in (entry.owner, entry.group, entry.mode) if setting is not None]
    settings = [setting for setting in settings if setting.mode is not Mode.IGNORE]
    if not settings or (entry.has_drive and not seen.is_mounted):
        return
    now, wanted = seen.directory, seen.wanted_directory
    optional = all(_optional(setting) for setting in settings)
    subject = entry.key("owner")
    if now is None:
        return
    if wanted is None:
        unknown = [s.value for s, number in ((entry.owner, seen.uid), (entry.group, seen.gid)) if s and number is None]
        yield Finding(
            subject=subject,
            state=State.UNKNOWN,
            got=f"no local account {', '.join(unknown)}",
            wanted=f"an owner of {entry.mount_point}",
            remedy=f"make it first: useradd --system {unknown[0]}",
            optional=optional,
            id=UNKNOWN_ACCOUNT,
        )
        return
    same = now == wanted
    yield Finding(
        subject=subject,
        state=State.OK if same else State.DRIFT,
        got=str(now),
        wanted=str(wanted),
        remedy="" if same else _APPLY,
        optional=optional,
        id=None if same else OWNER_DIFFERS,
    )


def _optional(setting: Setting[Any] | None) -> bool:
    return setting is not None and setting.mode is not Mode.ENFORCE
