"""Processes that hold something open: a device node, or anything on a mount.

An exclusive open fails against a mount, a swap or a RAID, but not against a program that simply has the device open: a
virtual machine on a raw disk, a database on a raw volume. Only those that can write count for a device: udev, smartd
and blkid open every drive for reading now and then, and a reader has nothing to lose on a blank one.
Source: proc(5), fd, fdinfo, maps; `flags` in fdinfo is octal.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nodeagent.host.datasafety.family import Family, device_number
from nodeagent.host.datasafety.processes import is_ending, live_directories, process_ids

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_NETWORK_FILESYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "glusterfs", "fuse.sshfs", "lustre"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process and how it holds on: `what` is "open", "cwd", "root", "exe" or "maps", `path` what it holds."""

    pid: int
    program: str
    what: str
    path: str

    def __str__(self) -> str:
        return f"{self.program or '?'}[{self.pid}] {self.what} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSurvey:
    """`unread` are processes whose open files stay unknown, with the errno."""

    holders: tuple[Holder, ...]
    unread: tuple[tuple[int, str], ...]


def survey_writers(host: "Host", family: Family) -> WriterSurvey:
    """Processes other than this one that have a member of the family open for writing."""
    slow = tuple(entry.target for entry in host.mounts() if entry.fstype in _NETWORK_FILESYSTEMS)
    holders: list[Holder] = []
    unread: list[tuple[int, str]] = []
    for pid in process_ids(host):
        if pid == os.getpid():
            continue
        for directory in live_directories(host, pid):
            try:
                numbers = [path.name for path in host.path(f"{directory}/fd").iterdir()]
            except OSError as error:
                if not is_ending(host, directory):
                    unread.append((pid, errno.errorcode.get(error.errno or 0, "EIO")))
                continue
            program = _program(host, pid)
            holders += [
                Holder(pid=pid, program=program, what="open", path=path)
                for number, path in _links(host, directory, numbers)
                if _is_member(host, f"{directory}/fd/{number}", path, family, slow)
                and _can_write(host, directory, number)
            ]
    return WriterSurvey(holders=tuple(holders), unread=tuple(unread))


def users_of_mount(host: "Host", target: str) -> tuple[Holder, ...]:
    """Processes that keep the mount at `target` busy, as fuser -m would say; those we may not look into are missing."""
    holders = []
    for pid in process_ids(host):
        links = [(what, host.link(f"/proc/{pid}/{what}")) for what in ("cwd", "root", "exe")]
        links += [("open", path) for _, path in _links(host, f"/proc/{pid}", host.names(f"/proc/{pid}/fd"))]
        links += [("maps", path) for path in _mapped_files(host, pid)]
        seen = {(what, path) for what, path in links if _is_below(path, target)}
        holders += [Holder(pid=pid, program=_program(host, pid), what=what, path=path) for what, path in sorted(seen)]
    return tuple(holders)


def _links(host: "Host", directory: str, numbers: Iterable[str]) -> Iterator[tuple[str, str]]:
    for number in numbers:
        if path := host.link(f"{directory}/fd/{number}"):
            yield number, path


def _mapped_files(host: "Host", pid: int) -> set[str]:
    lines = host.read(f"/proc/{pid}/maps").text.splitlines()
    return {fields[5] for line in lines if len(fields := line.split(maxsplit=5)) == 6}


def _is_member(host: "Host", link: str, path: str, family: Family, slow: tuple[str, ...]) -> bool:
    # stat on a file of a dead network filesystem never returns, and no drive has its node there.
    if not path.startswith("/") or any(_is_below(path, target) for target in slow):
        return False
    try:
        status = Path(host.path(link)).stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISBLK(status.st_mode) and family.holds(device_number(status.st_rdev))


def _can_write(host: "Host", directory: str, number: str) -> bool:
    """Anything but a clear "read only" counts as able to write."""
    for line in host.read(f"{directory}/fdinfo/{number}").text.splitlines():
        name, _, value = line.partition(":")
        if name == "flags":
            return (int(value, 8) & os.O_ACCMODE) != os.O_RDONLY
    return not is_ending(host, directory)


def _program(host: "Host", pid: int) -> str:
    return host.text(f"/proc/{pid}/comm") or ""


def _is_below(path: str, target: str) -> bool:
    return path == target or path.startswith(target.rstrip("/") + "/")
