"""Who has a drive mounted, in every mount namespace there is.

/proc/mounts shows only our own namespace: a container or a service with a private one can hold a filesystem that we
don't see, and a tool that looks there alone overwrites it. So mountinfo of every process is read, once for each pair of
namespace and root directory (a process in a chroot sees less than its neighbour). A process whose mountinfo can't be
read is an unknown, and an unknown is a refusal; one that ended meanwhile isn't. Source: proc(5), mount_namespaces(7).

A namespace without any process (kept by a bind mount or a descriptor) is not visible here; the exclusive open of
exclusive.py sees its mounts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nodeagent.host.datasafety.family import Family, number_behind
from nodeagent.host.datasafety.processes import is_ending, live_directories, process_ids
from nodeagent.host.mounts import MOUNTINFO, unescape
from nodeagent.model.reading import Reading

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_OURSELVES = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MountUse:
    """A mount of one member of the family; `pid` is a process that sees it, None for our own namespace."""

    member: str
    target: str
    fstype: str
    pid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MountSurvey:
    """`unread` are processes whose mounts stay unknown, with the errno; pid 0 stands for ourselves."""

    uses: tuple[MountUse, ...]
    unread: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    major_minor: str
    target: str
    fstype: str
    source: str


def survey_mounts(host: "Host", family: Family) -> MountSurvey:
    """Every mount of the family's members that any process sees, each (member, target) told once."""
    found: dict[tuple[str, str], MountUse] = {}
    unread = []
    for pid, reading in _views(host):
        if not reading.ok:
            unread.append((pid, reading.problem or "ENOENT"))
            continue
        for line in _parse(reading.text):
            if member := family.name_of(line.major_minor) or _by_source(host, family, line):
                use = MountUse(member=member, target=line.target, fstype=line.fstype, pid=pid or None)
                found.setdefault((member, line.target), use)
    return MountSurvey(uses=tuple(found.values()), unread=tuple(unread))


def _views(host: "Host") -> Iterator[tuple[int, Reading]]:
    """Our own mountinfo first, then that of one process for each distinct view of the mount tree."""
    yield _OURSELVES, host.read(MOUNTINFO)
    seen: set[tuple[str, str]] = set()
    for pid in process_ids(host):
        for directory in live_directories(host, pid):
            view = (host.link(f"{directory}/ns/mnt"), host.link(f"{directory}/root"))
            if all(view) and view in seen:
                continue
            reading = host.read(f"{directory}/mountinfo")
            if reading.ok and all(view):
                seen.add(view)
            if reading.ok or not is_ending(host, directory):
                yield pid, reading


def _parse(text: str) -> Iterator[_Line]:
    for line in text.split("\n"):
        own, separator, rest = line.partition(" - ")
        fields, after = own.split(" "), rest.split(" ")
        if separator and len(fields) > 4 and len(after) > 1:
            yield _Line(major_minor=fields[2], target=unescape(fields[4]), fstype=after[0], source=unescape(after[1]))


def _by_source(host: "Host", family: Family, line: _Line) -> str:
    """Some (btrfs, ZFS) mount under an anonymous number (major 0) and name one of their devices as the source."""
    if not line.major_minor.startswith("0:") or not line.source.startswith("/dev/"):
        return ""
    name = line.source.rpartition("/")[2]
    return family.name_of(number_behind(host, line.source)) or (name if name in family.numbers else "")
