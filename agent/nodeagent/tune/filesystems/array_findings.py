"""What `verify` says about the array of one entry; what lies with its drives is told by their own ids."""

from collections.abc import Iterator

from nodeagent.model.reading import ReadStatus
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.filesystems.array_state import ArrayState, SeenArray

NOT_MADE = "NA-FS-017"
STOPPED = "NA-FS-018"
FAILED = "NA-FS-019"
UNFINISHED = "NA-FS-020"
UNEQUAL = "NA-FS-021"
NAME_NOT_KEPT = "NA-FS-022"

_APPLY = "nodeagent tune apply"


def array_findings(seen: SeenArray, *, may_make: bool, optional: bool) -> Iterator[Finding]:
    """Whether it runs, and whether it keeps its name; nothing where its drives are missing or in another use."""
    if seen.state in (ArrayState.TAKEN, ArrayState.MISCOUNTED):
        return
    state, got, remedy, id_ = _told(seen, may_make=may_make)
    yield Finding(
        subject=seen.entry.key("array"),
        state=state,
        got=got,
        wanted=f"RAID 0 of {len(seen.members)} drives, UUID {seen.uuid}",
        remedy=remedy,
        optional=optional,
        id=id_,
    )
    if seen.state is ArrayState.RUNNING and seen.is_kept:
        yield _name(seen)


def _told(seen: SeenArray, *, may_make: bool) -> tuple[State, str, str, str | None]:
    names = ", ".join(member.name for member in seen.members)
    array = seen.array.name if seen.array else ""
    match seen.state:
        case ArrayState.RUNNING:
            return State.OK, f"{array} of {names}", "", None
        case ArrayState.BLANK:
            remedy = _APPLY if may_make else "`make: when-empty` in the profile lets it be made"
            return State.DRIFT, f"not made; {names} are blank", remedy, NOT_MADE
        case ArrayState.STOPPED:
            return State.DRIFT, f"stopped; {names} belong to it", _APPLY, STOPPED
        case ArrayState.FAILED:
            remedy = f"mdadm --detail /dev/{array}; dmesg; what was on it is lost with any of its drives"
            return State.DRIFT, f"{array} does not run ({seen.word or 'unknown'})", remedy, FAILED
        case ArrayState.UNFINISHED:
            some = ", ".join(look.identity.name for look in seen.looks if not look.free)
            remedy = f"mdadm --examine /dev/{some.split(',')[0]}; if nothing is on it: mdadm --zero-superblock, by hand"
            return State.DRIFT, f"half made: only {some} of {names} belong to it", remedy, UNFINISHED
        case _:
            sizes = ", ".join(f"{member.name} {member.size_bytes} bytes" for member in seen.members)
            return State.DRIFT, f"the drives are not equal: {sizes}", "choose by size_at_least_bytes", UNEQUAL


def _name(seen: SeenArray) -> Finding:
    same = seen.config.text == seen.config_text
    unreadable = seen.config.status is ReadStatus.UNREADABLE
    state = State.OK if same else (State.UNKNOWN if unreadable else State.DRIFT)
    return Finding(
        subject=seen.entry.key("array-name"),
        state=state,
        got="it stands" if same else (seen.config.problem if unreadable else "no such line, or another one"),
        wanted=f"the array's line in {seen.config_path}",
        remedy="" if same else (f"ls -l {seen.config_path}" if unreadable else _APPLY),
        id=None if same else NAME_NOT_KEPT,
    )
