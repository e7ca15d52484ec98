"""The machine, read through one object with an injected root.

`Host()` is this machine; `Host(root=DIR)` is a captured or generated tree, and every reader works on both. Below a root
of its own no path leads out: `..` and absolute link targets are taken as chroot(2) would, one component at a time.

What a captured tree can't hold as files (an error, a device node) stands in its index (host/tree_index.py).
"""

# ruff: noqa: PTH115, PTH116, PTH208 - thousands of reads for one inventory: pathlib would triple its time

import errno
import os
import stat
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nodeagent.host.rooted import RootedPaths, absolute
from nodeagent.host.tree_index import TREE_INDEX, TreeIndex
from nodeagent.model.host_reader import MountEntry, PathState
from nodeagent.model.reading import Reading, ReadStatus

if TYPE_CHECKING:
    from nodeagent.model.clock_state import ClockState
    from nodeagent.model.facts import BlockDevice, HostFacts
    from nodeagent.model.firewall_change import FirewallReading
    from nodeagent.model.interrupts import DeviceInterrupts
    from nodeagent.model.nvme import NvmeDrive
    from nodeagent.model.occupancy import Occupancy
    from nodeagent.model.port import Port
    from nodeagent.model.port_settings import PortSettings
    from nodeagent.model.swap_area import SwapArea
    from nodeagent.model.unit_state import UnitState

READ_LIMIT_BYTES = 4 * 1024 * 1024
"""More than any file that is read here; /proc/interrupts of the largest machines would not fit, and isn't read."""

HEAD_BYTES = 8192
"""Enough for the block of one CPU in /proc/cpuinfo."""

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

        The file need not exist. ValueError for a path that isn't absolute, OSError for links that go in circles.
        """
        return Path(self._locate(path))

    def real(self, path: str) -> str:
        """The path on the machine with every link followed; "" where it leads nowhere."""
        try:
            if self.is_live:
                return os.path.realpath(absolute(path), strict=True)
            inner = self._paths.resolve(path, follow_last=True)
            os.lstat(self._paths.outside(inner))
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
        return self._paths.trace(path)

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
        return os.sysconf("SC_PAGE_SIZE") if self.is_live else self._index.page_bytes

    def boot_id(self) -> str:
        """The kernel's random id of this boot; "" where it can't be read."""
        return self.text("/proc/sys/kernel/random/boot_id") or ""

    def facts(self, *, fresh: bool = False) -> "HostFacts":
        """Everything known about the machine, read once per Host; `fresh` reads it again."""
        if fresh:
            self.__dict__.pop("_facts", None)
        return self._facts

    def facts_on_demand(self) -> "HostFacts":
        """The same, each part read when it is first asked for: for those who look at few of them, and once."""
        from nodeagent.host.facts_on_demand import FactsOnDemand

        return cast("HostFacts", FactsOnDemand(self))

    def occupancy(self, device: "BlockDevice") -> "Occupancy":
        from nodeagent.host.datasafety import occupancy

        return occupancy(self, device)

    def port(self, address: str) -> "Port":
        from nodeagent.host.port import read_port

        return read_port(self, address)

    def interrupts(self, address: str) -> "DeviceInterrupts":
        from nodeagent.host.irq import read_interrupts

        return read_interrupts(self, address)

    def port_settings(self, address: str) -> "PortSettings":
        from nodeagent.host.port_settings import read_port_settings

        return read_port_settings(self, address)

    def unit(self, name: str) -> "UnitState":
        from nodeagent.host.units import read_unit

        return read_unit(self, name)

    def clock(self) -> "ClockState":
        from nodeagent.host.kernel_clock import read_clock

        return read_clock(self)

    def swaps(self) -> "tuple[SwapArea, ...]":
        from nodeagent.host.swaps import read_swaps

        return read_swaps(self)

    def noted_port(self, address: str) -> dict[str, Any]:
        """What the index of a captured tree says that netlink told of a port; {} for nothing."""
        return self._index.ports.get(address, {})

    def firewall_table(self, family: str, name: str) -> "FirewallReading":
        from nodeagent.host.firewall import read_table

        return read_table(self, family, name)

    def nvme(self, device: str) -> "NvmeDrive":
        from nodeagent.host.nvme import read_nvme

        return read_nvme(self, device)

    def noted_nvme(self, device: str) -> dict[str, Any]:
        """What the index of a captured tree says that an NVMe drive told; {} for nothing."""
        return self._index.nvme.get(device, {})

    def noted_firewall(self, table: str) -> dict[str, str] | None:
        """What the index of a captured tree says of a table (`inet nodeagent`); {} for no such table."""
        return self._index.firewall.get(table)

    @cached_property
    def _facts(self) -> "HostFacts":
        from nodeagent.host.facts import read_facts

        return read_facts(self)

    def _kind(self, location: str, status: os.stat_result) -> str:
        return self._index.kinds.get(self._paths.inside(location)) or _kind(status.st_mode)

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
            return absolute(path)
        inner = self._paths.resolve(path, follow_last=True)
        if mark := self._index.unreadable.get(inner):
            raise _Marked(mark)
        return self._paths.outside(inner)

    def _locate(self, path: str) -> str:
        if self.is_live:
            return absolute(path)
        return self._paths.outside(self._paths.resolve(path, follow_last=False, must_exist=False))

    @cached_property
    def _paths(self) -> RootedPaths:
        return RootedPaths(prefix="" if self.is_live else os.fspath(self.root))

    @cached_property
    def _index(self) -> TreeIndex:
        if self.is_live:
            return TreeIndex()
        return TreeIndex.read(self.root)


_ABSENT = ("ENOENT", "ENOTDIR", "ENXIO", "ENODEV")


def _failed(path: str, problem: str) -> Reading:
    if problem in ("ENOENT", "ENOTDIR"):
        return Reading(path=path, status=ReadStatus.ABSENT)
    return Reading(path=path, status=ReadStatus.UNREADABLE, problem=problem)


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
