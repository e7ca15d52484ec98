"""The machine, read through one object with an injected root.

`Host()` is this machine; `Host(root=DIR)` is a captured or generated tree, and every reader works on both. Below a root
of its own no path leads out: `..` and absolute link targets are taken as chroot(2) would, one component at a time.

A captured tree can hold what an ordinary directory can't (a file that answers EACCES even to root, a device node); an
index beside it (`TREE_INDEX`, written by host/capture.py) says which, and is honoured here.
"""

# ruff: noqa: PTH112, PTH114, PTH115, PTH116, PTH208 - thousands of reads for one inventory: pathlib would triple its time

import errno
import os
import stat
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nodeagent.model.host_reader import MountEntry, PathState
from nodeagent.model.reading import Reading, ReadStatus

if TYPE_CHECKING:
    from nodeagent.model.facts import BlockDevice, HostFacts
    from nodeagent.model.occupancy import Occupancy

READ_LIMIT_BYTES = 4 * 1024 * 1024
"""More than any file that is read here; /proc/interrupts of the largest machines would not fit, and isn't read."""

HEAD_BYTES = 8192
"""Enough for the block of one CPU in /proc/cpuinfo."""

TREE_INDEX = ".nodeagent-tree.json"

_LINK_LIMIT = 40  # MAXSYMLINKS of the kernel
_OWN_PROCESS = "/proc/self"  # another number for each reader: a tree has it as a plain directory
_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class _Marked(ValueError):
    """The index of a captured tree says that this path answers with an error; the message is its errno."""


@dataclass(frozen=True)
class Host:
    """Read-only door to one machine, as of model.host_reader; paths are absolute and as on the machine.

    No method raises for what the machine answers: absent, unreadable, vanished and malformed are values.
    """

    root: Path = field(default=Path("/"))

    @cached_property
    def is_live(self) -> bool:
        """Is this the running machine, not a tree made of files?"""
        return self.root == Path("/")

    def path(self, path: str) -> Path:
        """Where `path` is in the file system we run on, its parent's links followed, the last component untouched.

        The file need not exist. ValueError for a path that isn't absolute.
        """
        return Path(self._locate(path))

    def real(self, path: str) -> str:
        """The path on the machine with every link followed; "" where it leads nowhere."""
        try:
            if self.is_live:
                return os.path.realpath(_absolute(path), strict=True)
            inner = self._resolve(path, follow_last=True)
            os.lstat(self._outside(inner))
            return inner
        except (OSError, ValueError):
            return ""

    def link(self, path: str) -> str:
        """The target of a symbolic link as written; "" where there is none."""
        try:
            return os.readlink(self._locate(path))
        except (OSError, ValueError):
            return ""

    def trace(self, path: str) -> tuple[str, dict[str, str]]:
        """The real path on the machine, whether or not it exists, and the links that led there, by their places.

        OSError where links go round in circles.
        """
        links: dict[str, str] = {}
        return self._walk(_absolute(path), must_exist=False, links=links), links

    def read(self, path: str) -> Reading:
        content, problem, writable = self._read(path)
        if problem:
            return _failed(path, problem)
        return Reading(path=path, status=ReadStatus.OK, text=_decode(content), writable=writable)

    def head(self, path: str) -> Reading:
        """The first lines of a file that may be long (/proc/cpuinfo), whole lines only, HEAD_BYTES at most."""
        content, problem, writable = self._read(path, head=True)
        if problem:
            return _failed(path, problem)
        return Reading(path=path, status=ReadStatus.OK, text=_decode(content), writable=writable)

    def text(self, path: str) -> str | None:
        """Short for `read(path).value`: the text without surrounding white space, None unless readable."""
        return self.read(path).value

    def names(self, directory: str) -> tuple[str, ...]:
        try:
            listed = os.listdir(self._target(directory))
        except (OSError, ValueError):
            return ()
        return tuple(sorted(name for name in listed if name != TREE_INDEX))

    def stat(self, path: str) -> PathState:
        """lstat(2); below an injected root a device node is what the index says."""
        try:
            location = self._locate(path)
            status = os.lstat(location)
        except (OSError, ValueError) as error:
            problem = _problem(error)
            return PathState(path=path, kind="absent", problem="" if problem in _ABSENT else problem)
        kind = self._kind(location, status)
        empty = _is_empty(location) if kind == "directory" else None
        return PathState(
            path=path,
            kind=kind,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            empty=empty,
            mount_point=kind == "directory" and self._is_mount_point(path),
        )

    def kind_and_mode(self, path: str) -> tuple[str, int]:
        """The cheap part of `stat`: ("absent", 0) where nothing can be seen."""
        try:
            location = self._locate(path)
            status = os.lstat(location)
        except (OSError, ValueError):
            return "absent", 0
        return self._kind(location, status), stat.S_IMODE(status.st_mode)

    def mounts(self) -> tuple[MountEntry, ...]:
        """The mounts of our own namespace, oldest first; read anew each time."""
        from nodeagent.host.mounts import read_mounts

        return read_mounts(self)

    def page_bytes(self) -> int:
        """The base page of the kernel; of a captured tree what the capture noted."""
        if self.is_live:
            return os.sysconf("SC_PAGE_SIZE")
        noted = self._index.get("page_bytes")
        return noted if isinstance(noted, int) else 4096

    def boot_id(self) -> str:
        """The kernel's random id of this boot; "" where it can't be read."""
        return self.text("/proc/sys/kernel/random/boot_id") or ""

    def facts(self, *, fresh: bool = False) -> "HostFacts":
        """Everything known about the machine, read once per Host; `fresh` reads it again."""
        if fresh:
            self.__dict__.pop("_facts", None)
        return self._facts

    def occupancy(self, device: "BlockDevice") -> "Occupancy":
        from nodeagent.host.datasafety import occupancy

        return occupancy(self, device)

    @cached_property
    def _facts(self) -> "HostFacts":
        from nodeagent.host.facts import read_facts

        return read_facts(self)

    def _kind(self, location: str, status: os.stat_result) -> str:
        return self._kinds.get(location.removeprefix(self._prefix)) or _kind(status.st_mode)

    def _is_mount_point(self, path: str) -> bool:
        from nodeagent.host.mounts import mount_targets

        return path in mount_targets(self)

    def _read(self, path: str, *, head: bool = False) -> tuple[bytes, str, bool]:
        """Content, errno name ("" for success), writable."""
        try:
            target = self._target(path)
            mode = os.stat(target).st_mode
            # Opening a device or a FIFO can do things (start a watchdog) or wait; nothing here wants one.
            if not stat.S_ISREG(mode):
                return b"", "EISDIR" if stat.S_ISDIR(mode) else "EINVAL", False
            return _content(target, head=head), "", bool(mode & _WRITE_BITS)
        except _Marked as mark:
            return b"", str(mark), False
        except (OSError, ValueError) as error:
            return b"", _problem(error), False

    def _target(self, path: str) -> str:
        """Where a path really is, all links followed when below an injected root (live, the kernel does it)."""
        if self.is_live:
            return _absolute(path)
        inner = self._resolve(path, follow_last=True)
        if mark := self._marks.get(inner):
            raise _Marked(mark)
        return self._outside(inner)

    def _locate(self, path: str) -> str:
        if self.is_live:
            return _absolute(path)
        return self._outside(self._resolve(path, follow_last=False, must_exist=False))

    def _outside(self, inner: str) -> str:
        return self._prefix + inner

    def _resolve(self, path: str, *, follow_last: bool, must_exist: bool = True) -> str:
        """Follow links inside the root; the result is absolute inside the root and holds no link (but the last)."""
        parent, _, last = _absolute(path).rstrip("/").rpartition("/")
        if last in ("", ".", ".."):
            return self._walk(path, must_exist=must_exist)
        known = self._directories.get(parent)
        if known is None:
            known = self._walk(parent, must_exist=must_exist)
            if os.path.isdir(self._outside(known)):
                self._directories[parent] = known
        inner = f"{known.rstrip('/')}/{last}"
        if follow_last and os.path.islink(self._outside(inner)):
            return self._walk(inner, must_exist=must_exist)
        return inner

    def _walk(self, path: str, *, must_exist: bool, links: dict[str, str] | None = None) -> str:
        """Follow every link of a path inside the root; `links` collects those met, by the path of the link."""
        done: list[str] = []
        waiting = path.split("/")[::-1]
        budget = _LINK_LIMIT
        while waiting:
            name = waiting.pop()
            if name == "..":
                del done[-1:]
            if name in ("", ".", ".."):
                continue
            done.append(name)
            target = self._link_at("/" + "/".join(done), must_exist=must_exist)
            if not target:
                continue
            if links is not None:
                links["/" + "/".join(done)] = target
            budget -= 1
            if budget < 0:
                raise OSError(errno.ELOOP, "too many links", path)
            del done[0 if target.startswith("/") else -1 :]
            waiting.extend(target.split("/")[::-1])
        return "/" + "/".join(done)

    def _link_at(self, inner: str, *, must_exist: bool) -> str:
        """The target if a link stands there, "" if something else does."""
        if inner == _OWN_PROCESS:
            return ""
        try:
            return os.readlink(self._outside(inner))
        except OSError as error:
            if error.errno != errno.EINVAL and must_exist:
                raise
            return ""

    @cached_property
    def _prefix(self) -> str:
        return "" if self.is_live else os.fspath(self.root)

    @cached_property
    def _directories(self) -> dict[str, str]:
        """Directories below an injected root that were resolved before; trees of a fixture don't move."""
        return {}

    @cached_property
    def _index(self) -> dict[str, object]:
        if self.is_live:
            return {}
        import json

        try:
            index = json.loads((self.root / TREE_INDEX).read_text())
        except (OSError, ValueError):
            return {}
        return index if isinstance(index, dict) else {}

    @cached_property
    def _marks(self) -> dict[str, str]:
        """Paths (real ones) that answer an errno instead of content."""
        return _texts(self._index.get("unreadable"))

    @cached_property
    def _kinds(self) -> dict[str, str]:
        """Paths that stand for something an unprivileged user can't make (a device node)."""
        return _texts(self._index.get("kinds"))


_ABSENT = ("ENOENT", "ENOTDIR", "ENXIO", "ENODEV")


def _failed(path: str, problem: str) -> Reading:
    if problem in ("ENOENT", "ENOTDIR"):
        return Reading(path=path, status=ReadStatus.ABSENT)
    return Reading(path=path, status=ReadStatus.UNREADABLE, problem=problem)


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"not an absolute path: {path!r}")
    return path


def _content(path: str, *, head: bool) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        if head:
            return _whole_lines(os.read(descriptor, HEAD_BYTES))
        parts = []
        size = 0
        while part := os.read(descriptor, 65536):
            parts.append(part)
            size += len(part)
            if size > READ_LIMIT_BYTES:
                raise OSError(errno.EFBIG, "larger than anything wanted here", path)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _whole_lines(content: bytes) -> bytes:
    return content if len(content) < HEAD_BYTES else content[: content.rfind(b"\n") + 1]


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _texts(value: object) -> dict[str, str]:
    return {str(path): str(text) for path, text in value.items()} if isinstance(value, dict) else {}


def _problem(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or errno.EIO, "EIO")
    return "EINVAL"


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISLNK(mode):
        return "symlink"
    return "device" if stat.S_ISBLK(mode) or stat.S_ISCHR(mode) else "other"


def _is_empty(directory: str) -> bool | None:
    try:
        with os.scandir(directory) as entries:
            return next(iter(entries), None) is None
    except OSError:
        return None
