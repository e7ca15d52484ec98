"""The machine, read through one object with an injected root.

`Host()` is this machine; `Host(root=DIR)` is a captured or generated tree, and every reader works on both. Below a root
of its own no path leads out: `..` and absolute link targets are taken as chroot(2) would, one component at a time.

A captured tree can hold what an ordinary directory can't (a file that answers EACCES even to root, a device node); an
index beside it (`TREE_INDEX`, written by host/capture.py) says which, and is honoured here.
"""

# ruff: noqa: PTH112, PTH114, PTH115, PTH116, PTH208 - thousands of reads for one inventory: pathlib would triple its time

import errno
import json
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

TREE_INDEX = ".nodeagent-tree.json"

_LINK_LIMIT = 40  # MAXSYMLINKS of the kernel
_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class _Unresolved(OSError):
    """A path below an injected root that leads nowhere."""


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

    def read(self, path: str) -> Reading:
        content, problem, writable = self._read(path)
        if problem:
            return _failed(path, problem)
        text = content.decode("utf-8", "surrogateescape")
        return Reading(path=path, status=ReadStatus.OK, text=text, writable=writable)

    def read_bytes(self, path: str) -> bytes | None:
        """A small binary file, such as a firmware table; None where it can't be read."""
        content, problem, _ = self._read(path)
        return None if problem else content

    def text(self, path: str) -> str | None:
        """Short for `read(path).value`: the text without surrounding white space, None unless readable."""
        return self.read(path).value

    def names(self, directory: str) -> tuple[str, ...]:
        try:
            if self._marks.get(directory):
                return ()
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
        kind = self._kinds.get(path) or _kind(status.st_mode)
        empty = _is_empty(location) if kind == "directory" else None
        return PathState(
            path=path,
            kind=kind,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            empty=empty,
            mount_point=kind == "directory" and any(mount.target == path for mount in self.mounts()),
        )

    def mounts(self) -> tuple[MountEntry, ...]:
        """The mounts of our own namespace, oldest first; read anew each time."""
        from nodeagent.host.mounts import read_mounts

        return read_mounts(self)

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

    def _read(self, path: str) -> tuple[bytes, str, bool]:
        """Content, errno name ("" for success), writable."""
        if mark := self._marks.get(path):
            return b"", mark, False
        try:
            target = self._target(path)
            mode = os.stat(target).st_mode
            # Opening a device or a FIFO can do things (start a watchdog) or wait; nothing here wants one.
            if not stat.S_ISREG(mode):
                return b"", "EISDIR" if stat.S_ISDIR(mode) else "EINVAL", False
            return _content(target), "", bool(mode & _WRITE_BITS)
        except (OSError, ValueError) as error:
            return b"", _problem(error), False

    def _target(self, path: str) -> str:
        """Where a path really is, all links followed when below an injected root (live, the kernel does it)."""
        if self.is_live:
            return _absolute(path)
        return self._outside(self._resolve(path, follow_last=True))

    def _locate(self, path: str) -> str:
        if self.is_live:
            return _absolute(path)
        return self._outside(self._resolve(path, follow_last=False, must_exist=False))

    def _outside(self, inner: str) -> str:
        return os.fspath(self.root) + inner

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

    def _walk(self, path: str, *, must_exist: bool) -> str:
        done: list[str] = []
        waiting = path.split("/")[::-1]
        links = 0
        while waiting:
            name = waiting.pop()
            if name == "..":
                del done[-1:]
            if name in ("", ".", ".."):
                continue
            here = "/" + "/".join([*done, name])
            try:
                target = os.readlink(self._outside(here))
            except OSError as error:
                if error.errno != errno.EINVAL and must_exist:
                    raise
                done.append(name)
                continue
            links += 1
            if links > _LINK_LIMIT:
                raise _Unresolved(errno.ELOOP, "too many links", path)
            if target.startswith("/"):
                done.clear()
            waiting.extend(target.split("/")[::-1])
        return "/" + "/".join(done)

    @cached_property
    def _directories(self) -> dict[str, str]:
        """Directories below an injected root that were resolved before; trees of a fixture don't move."""
        return {}

    @cached_property
    def _index(self) -> dict[str, dict[str, str]]:
        if self.is_live:
            return {}
        try:
            index = json.loads((self.root / TREE_INDEX).read_text())
        except (OSError, ValueError):
            return {}
        return index if isinstance(index, dict) else {}

    @property
    def _marks(self) -> dict[str, str]:
        """Paths that answer an errno instead of content."""
        return self._index.get("unreadable", {})

    @property
    def _kinds(self) -> dict[str, str]:
        """Paths that stand for something an unprivileged user can't make (a device node)."""
        return self._index.get("kinds", {})


_ABSENT = ("ENOENT", "ENOTDIR", "ENXIO", "ENODEV")


def _failed(path: str, problem: str) -> Reading:
    if problem in ("ENOENT", "ENOTDIR"):
        return Reading(path=path, status=ReadStatus.ABSENT)
    return Reading(path=path, status=ReadStatus.UNREADABLE, problem=problem)


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"not an absolute path: {path!r}")
    return path


def _content(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
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
