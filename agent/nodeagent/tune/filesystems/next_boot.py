"""Does a filesystem come back at the next boot as the profile says, and what has to be written so that it does?

`unit` writes a mount unit and a drop-in that makes local-fs.target want it. The drop-in does what the link of
`systemctl enable` does, and as a file it is compared, recorded and undone like every other (`systemctl
list-dependencies local-fs.target` shows it). `fstab` adds one line to the administrator's table, or replaces the
options of the line that is there; all other bytes stay, and the journal keeps the table as it was. One change writes
the lines of all entries, since the table is one file.

Both say `nofail`: a drive that is missing must not keep a machine from booting, SSH included (systemd.mount(5): the
mount is then neither required by nor ordered before local-fs.target). Who needs the filesystem says so with
RequiresMountsFor=. Neither limits the wait for the drive below systemd's 90 s: nothing waits for a mount with nofail,
and a drive that shows up after the limit stays unmounted for good. A controller may take two minutes to get ready,
as after a power cut (NVMe base specification, CAP.TO).

Nothing is written where somebody else decided: a line by another source, a unit of somebody's, both at once. Those are
told; the mount that counts would be a matter of precedence, which nobody should have to know.

Rejected: systemd's `enable` (a process for one link), a generator of our own, labels and device names as the source.
Sources: systemd.mount(5), systemd.unit(5), systemd-fsck@.service(8), fstab(5).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nodeagent.model.change import Change, DirectoryState, SetDirectory, WriteConfig
from nodeagent.model.mount_options import kernel_options, same_question
from nodeagent.model.setting import Mode, Setting
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.filesystems import fstab
from nodeagent.tune.filesystems.boot_mounts import DROP_INS, SYSTEM_UNITS, drop_in_path, escaped_path, mount_unit
from nodeagent.tune.filesystems.fstab import FstabLine
from nodeagent.tune.filesystems.settings import Persist
from nodeagent.tune.filesystems.state import Seen

NOT_AT_BOOT = "NA-FS-010"
DIFFERS_AT_BOOT = "NA-FS-011"
NAME_MOVES = "NA-FS-012"
OTHER_AT_BOOT = "NA-FS-013"
TWICE_AT_BOOT = "NA-FS-014"
BOOT_UNKNOWN = "NA-FS-015"

TUNABLE = "filesystem"
_APPLY = "nodeagent tune apply"
_MARK = "# Written by nodeagent"
_MOVING = re.compile(r"/dev/(nvme\d|sd|hd|vd|xvd|mmcblk|dm-|md\d|loop|disk/by-path/)")
_DEFAULT_FSTAB_MODE = 0o644
_WHY = "the filesystem is there again after a reboot"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What is to be said; `writes` says that an apply mends it."""

    state: State
    got: str
    wanted: str
    remedy: str = ""
    id: str | None = None
    writes: bool = False


def boot_findings(seen: Seen) -> Iterator[Finding]:
    """What verify says about the next boot; nothing where the profile does not care."""
    setting = seen.entry.persist
    if setting is None:
        if seen.is_mounted:
            yield _told(seen, _unasked(seen), optional=True)
    elif setting.mode is not Mode.IGNORE and setting.value is not Persist.NEVER and seen.expected_uuid:
        yield _told(seen, _answer(seen, setting), optional=setting.mode is Mode.WARN)


def unit_changes(seen: Seen) -> Iterator[Change]:
    """The unit and its drop-in; the caller has made sure that it is mounted, or will be by an earlier step."""
    setting = seen.entry.persist
    if setting is not None and _is_written(seen, Persist.UNIT):
        yield from _unit_changes(seen, setting)
    elif setting is not None and _is_written(seen, Persist.FSTAB) and _is_ours(seen):
        yield from _unit_removals(seen, setting)


def fstab_change(looks: Iterable[Seen]) -> WriteConfig | None:
    """The lines of all these entries that are to be in fstab and aren't; the caller made sure as for `unit_changes`."""
    written = [seen for seen in looks if _is_written(seen, Persist.FSTAB)]
    if not written:
        return None
    boot, text = written[0].boot, written[0].boot.fstab.text
    for seen in written:
        text = _with_entry(text, seen)
    if text == boot.fstab.text:
        return None
    settings = [seen.entry.persist for seen in written if seen.entry.persist]
    return WriteConfig(
        key=f"{TUNABLE}:{fstab.PATH}:boot",
        tunable=TUNABLE,
        why=next((setting.why for setting in settings if setting.why), _WHY),
        source=next((setting.source for setting in settings if setting.source), ""),
        path=fstab.PATH,
        before=boot.fstab.text if boot.fstab.ok else None,
        after=text,
        mode=boot.fstab_mode or _DEFAULT_FSTAB_MODE,
    )


def _is_written(seen: Seen, how: Persist) -> bool:
    setting = seen.entry.persist
    enforced = setting is not None and setting.mode is Mode.ENFORCE and setting.value is how
    return setting is not None and enforced and _answer(seen, setting).writes


def unit_text(seen: Seen) -> str:
    """The mount unit, whole."""
    entry, device = seen.entry, f"/dev/disk/by-uuid/{seen.uuid_at_boot}"
    check = f"systemd-fsck@{escaped_path(device)}.service"
    checked = f"Requires={check}\nAfter={check}\n" if entry.wanted_type == "ext4" else ""
    return (
        f"{_MARK} (tunable {TUNABLE}). To undo: nodeagent tune rollback, or remove this file and\n"
        f"# {_systemd(drop_in_path(entry.mount_point))}\n"
        "[Unit]\n"
        f"Description=Filesystem {entry.wanted_label} at {_systemd(entry.mount_point)}\n"
        f"{checked}\n"
        "[Mount]\n"
        f"What={device}\n"
        f"Where={_systemd(entry.mount_point)}\n"
        f"Type={entry.wanted_type}\n"
        f"Options={','.join(_systemd(option) for option in (*sorted(_kernel_options(seen)), 'nofail'))}\n"
    )


def drop_in_text(seen: Seen) -> str:
    """The drop-in of local-fs.target, whole."""
    unit = mount_unit(seen.entry.mount_point)
    return f"{_MARK} (tunable {TUNABLE}): starts {unit} at boot\n[Unit]\nWants={_systemd(unit)}\n"


def _systemd(text: str) -> str:
    """`%` begins a specifier in a unit file (systemd.unit(5))."""
    return text.replace("%", "%%")


def _kernel_options(seen: Seen) -> frozenset[str]:
    return kernel_options(seen.entry.options.value if seen.entry.options else ())


def _fstab_options(seen: Seen) -> tuple[str, ...]:
    """The profile's own, those for systemd too, and what keeps a missing drive from stopping the boot."""
    given = seen.entry.options.value if seen.entry.options else ()
    own = [option for option in given if option != "defaults"]
    return tuple(own) if "nofail" in own else (*own, "nofail")


def _unasked(seen: Seen) -> _Answer:
    found, point = seen.boot.source, seen.entry.mount_point
    return _Answer(
        state=State.OK if found else State.DRIFT,
        got=found or "neither fstab nor a mount unit mounts it",
        wanted="mounted at every boot",
        remedy="" if found else f"`persist: unit` in the profile, or a line for {point} with nofail in {fstab.PATH}",
        id=None if found else NOT_AT_BOOT,
    )


def _answer(seen: Seen, setting: Setting[Persist]) -> _Answer:
    boot = seen.boot
    wanted = f"UUID={seen.uuid_at_boot}, by {'a line in ' + fstab.PATH if setting.value is Persist.FSTAB else 'a unit'}"
    unread = next((reading for reading in (boot.fstab, boot.unit, boot.drop_in) if reading and reading.problem), None)
    if unread is not None:
        got, remedy = f"{unread.path} can't be read ({unread.problem})", f"ls -l {unread.path}; a mask is somebody's no"
        return _Answer(state=State.UNKNOWN, got=got, wanted=wanted, remedy=remedy, id=BOOT_UNKNOWN)
    if setting.value is Persist.UNIT and not seen.has_systemd:
        remedy = "`persist: fstab` where something else than systemd runs the machine"
        return _Answer(state=State.NOT_APPLICABLE, got="no systemd runs here", wanted=wanted, remedy=remedy)
    lines, unit = [line for line in boot.lines if line.at_boot], boot.unit
    leaves_unit = setting.value is Persist.FSTAB and _is_ours(seen)
    if len(boot.lines) > 1 or (lines and unit is not None and not leaves_unit):
        return _twice(seen, wanted)
    if setting.value is Persist.UNIT:
        return _line_instead(seen, lines[0], wanted) if lines else _by_unit(seen, wanted)
    if unit is not None and not leaves_unit:
        return _foreign_unit(seen, wanted)
    answer = _by_fstab(seen, wanted)
    if leaves_unit and (answer.writes or answer.state is State.OK):
        got = f"a unit of ours has it: {unit.path if unit else ''}"
        return _Answer(state=State.DRIFT, got=got, wanted=wanted, remedy=_APPLY, id=DIFFERS_AT_BOOT, writes=True)
    return answer


def _twice(seen: Seen, wanted: str) -> _Answer:
    sources = [f"{line.source} in {fstab.PATH}" for line in seen.boot.lines]
    sources += [seen.boot.unit.path] if seen.boot.unit else []
    remedy = "keep the one that the profile names and remove the other by hand, then systemctl daemon-reload"
    return _Answer(state=State.DRIFT, got=" and ".join(sources), wanted=wanted, remedy=remedy, id=TWICE_AT_BOOT)


def _foreign_unit(seen: Seen, wanted: str) -> _Answer:
    path = seen.boot.unit.path if seen.boot.unit else ""
    remedy = f"`persist: unit` in the profile, or remove {path} by hand"
    return _Answer(
        state=State.DRIFT, got=f"a mount unit has it: {path}", wanted=wanted, remedy=remedy, id=TWICE_AT_BOOT
    )


def _line_instead(seen: Seen, line: FstabLine, wanted: str) -> _Answer:
    if problem := _wrong_source(seen, line.source, where=fstab.PATH, wanted=wanted):
        return problem
    remedy = f"`persist: fstab` in the profile, or remove the line for {line.target} by hand"
    got = f"{fstab.PATH} has a line for it"
    return _Answer(state=State.DRIFT, got=got, wanted=wanted, remedy=remedy, id=TWICE_AT_BOOT)


def _wrong_source(seen: Seen, source: str, *, where: str, wanted: str) -> _Answer | None:
    """A source that isn't the UUID of this drive; None where it is."""
    if fstab.source_uuid(source) == seen.uuid_at_boot:
        return None
    moves = _MOVING.match(source) is not None
    reason = "a name that may be another drive's at the next boot" if moves else "something else than this drive's UUID"
    remedy = f"look: findmnt --fstab, lsblk -f; write UUID={seen.uuid_at_boot} there if it is this drive"
    found = NAME_MOVES if moves else OTHER_AT_BOOT
    return _Answer(state=State.DRIFT, got=f"{where} mounts {source}, {reason}", wanted=wanted, remedy=remedy, id=found)


def _by_fstab(seen: Seen, wanted: str) -> _Answer:
    if not seen.boot.lines:
        return _missing(f"no line in {fstab.PATH}", wanted)
    line = seen.boot.lines[0]
    if problem := _wrong_source(seen, line.source, where=fstab.PATH, wanted=wanted):
        return problem
    if line.fstype not in (seen.entry.wanted_type, "auto"):
        got = f"{fstab.PATH} says it is {line.fstype}"
        return _Answer(state=State.DRIFT, got=got, wanted=wanted, remedy="correct the line by hand", id=OTHER_AT_BOOT)
    lacking = _lacking(seen, line)
    if lacking or not line.at_boot:
        got = f"{fstab.PATH} mounts it with {','.join(line.options)}"
        told = f"{wanted}, with {','.join(lacking) or 'auto'}"
        return _Answer(state=State.DRIFT, got=got, wanted=told, remedy=_APPLY, id=DIFFERS_AT_BOOT, writes=True)
    return _Answer(state=State.OK, got=fstab.PATH, wanted=wanted)


def _lacking(seen: Seen, line: FstabLine) -> tuple[str, ...]:
    """Options of the profile, and nofail, that the line does not have; a time limit of its own is its own matter."""
    wanted = [option for option in _fstab_options(seen) if not option.startswith("x-systemd.device-timeout=")]
    return tuple(option for option in wanted if option not in line.options and not _completed(option, line))


def _completed(option: str, line: FstabLine) -> bool:
    """`compress=zstd:3` is a `compress=zstd`."""
    return any(other.startswith(f"{option}:") and same_question(option, other) for other in line.options)


def _by_unit(seen: Seen, wanted: str) -> _Answer:
    boot = seen.boot
    if boot.unit is None:
        return _missing("no mount unit", wanted)
    if _is_ours(seen):
        if boot.unit.text == unit_text(seen) and boot.drop_in.text == drop_in_text(seen):
            return _Answer(state=State.OK, got=boot.unit.path, wanted=wanted)
        got = f"{boot.unit.path} or its drop-in says something else"
        return _Answer(state=State.DRIFT, got=got, wanted=wanted, remedy=_APPLY, id=DIFFERS_AT_BOOT, writes=True)
    if problem := _wrong_source(seen, boot.what, where=boot.unit.path, wanted=wanted):
        return problem
    if not boot.wanted_by:
        got, remedy = (
            f"nothing starts {boot.unit.path} at boot",
            f"systemctl enable {mount_unit(seen.entry.mount_point)}",
        )
        return _Answer(state=State.DRIFT, got=got, wanted=wanted, remedy=remedy, id=NOT_AT_BOOT)
    return _Answer(state=State.OK, got=boot.unit.path, wanted=wanted)


def _is_ours(seen: Seen) -> bool:
    unit = seen.boot.unit
    return unit is not None and unit.path.startswith(f"{SYSTEM_UNITS}/") and unit.text.startswith(_MARK)


def _missing(got: str, wanted: str) -> _Answer:
    return _Answer(state=State.DRIFT, got=got, wanted=wanted, remedy=_APPLY, id=NOT_AT_BOOT, writes=True)


def _with_entry(text: str, seen: Seen) -> str:
    entry = seen.entry
    if lines := fstab.lines_of(text, entry.mount_point):
        right = lines[0].at_boot and not _lacking(seen, lines[0])
        return text if right else fstab.with_options(text, lines[0], _fstab_options(seen))
    return fstab.with_line(
        text,
        uuid=seen.uuid_at_boot,
        mount_point=entry.mount_point,
        fstype=entry.wanted_type.value,
        options=_fstab_options(seen),
        note=f"{entry.mount_point}: line of nodeagent (tunable {TUNABLE}); to undo: nodeagent tune rollback",
    )


def _unit_changes(seen: Seen, setting: Setting[Persist]) -> Iterator[Change]:
    boot, point = seen.boot, seen.entry.mount_point
    unit, drop_in = unit_text(seen), drop_in_text(seen)
    before = boot.unit.text if boot.unit else None
    if before != unit:
        path = f"{SYSTEM_UNITS}/{mount_unit(point)}"
        yield _config(seen, setting, part="boot-unit", path=path, before=before, after=unit)
    before = boot.drop_in.text if boot.drop_in.ok else None
    if before == drop_in:
        return
    if not boot.drop_in_directory:
        yield SetDirectory(
            key=f"{TUNABLE}:{DROP_INS}:directory",
            tunable=TUNABLE,
            path=DROP_INS,
            before=None,
            after=DirectoryState(mode=0o755, uid=0, gid=0),
            why="drop-ins of local-fs.target, which say what it starts",
        )
    yield _config(seen, setting, part="boot", path=drop_in_path(point), before=before, after=drop_in)


def _unit_removals(seen: Seen, setting: Setting[Persist]) -> Iterator[Change]:
    """Our unit gives way to a line of fstab: first what starts it, then itself."""
    boot, point = seen.boot, seen.entry.mount_point
    if boot.drop_in.ok:
        yield _config(seen, setting, part="boot", path=drop_in_path(point), before=boot.drop_in.text, after=None)
    if boot.unit is not None:
        yield _config(seen, setting, part="boot-unit", path=boot.unit.path, before=boot.unit.text, after=None)


def _config(
    seen: Seen, setting: Setting[Persist], *, part: str, path: str, before: str | None, after: str | None
) -> WriteConfig:
    return WriteConfig(
        key=seen.entry.key(part),
        tunable=TUNABLE,
        why=setting.why or _WHY,
        source=setting.source,
        path=path,
        before=before,
        after=after,
    )


def _told(seen: Seen, answer: _Answer, *, optional: bool) -> Finding:
    setting = seen.entry.persist
    return Finding(
        subject=seen.entry.key("boot"),
        state=answer.state,
        got=answer.got,
        wanted=answer.wanted,
        remedy=answer.remedy,
        why=setting.why if setting else "",
        source=setting.source if setting else "",
        optional=optional,
        id=answer.id,
    )
