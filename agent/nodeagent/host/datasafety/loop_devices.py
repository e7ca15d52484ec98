"""Loop devices that write to the same place as a drive without holding it exclusively.

A loop device on a drive (`losetup /dev/loop1 /dev/nvme0n1`), on a file that lies on a drive, or on the same file as
another loop device never claims what it writes to, so an exclusive open of the drive succeeds: only a look at all
loop devices tells. Device and inode come from LOOP_GET_STATUS64 where the kernel gives them, since a path says nothing
about another namespace or a deleted file. Source: loop(4), include/uapi/linux/loop.h, Documentation/ABI/*/sysfs-block.
"""

import fcntl
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nodeagent.host.datasafety.family import Family, device_number, node_path, number_behind

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_LOOP_GET_STATUS64 = 0x4C05
_LOOP_INFO64_BYTES = 232
_LOOP = re.compile(r"loop\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopUse:
    """Another loop device and how it touches the drive."""

    name: str
    backing_file: str
    relation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Backing:
    """What a loop device writes to; `on_device`, `inode` and `device` are "" or 0 where the kernel didn't say."""

    path: str
    on_device: str = ""
    inode: int = 0
    device: str = ""


def loops_on(host: "Host", family: Family) -> Iterator[LoopUse]:
    """Every other loop device that writes to the drive, to a file on it, or to the drive's own backing file."""
    own = _backing(host, family.drive)
    for name in host.names("/sys/block"):
        if name == family.drive or not _LOOP.fullmatch(name):
            continue
        backing = _backing(host, name)
        if backing is not None and (relation := _relation(family, own, backing)):
            yield LoopUse(name=name, backing_file=backing.path, relation=relation)


def _relation(family: Family, own: _Backing | None, other: _Backing) -> str:
    if family.holds(other.device):
        return "is set up on"
    if family.holds(other.on_device):
        return "has its backing file on"
    if own is not None and _same_file(own, other):
        return "shares the backing file of"
    return ""


def _same_file(first: _Backing, second: _Backing) -> bool:
    if first.inode and second.inode:
        return (first.on_device, first.inode) == (second.on_device, second.inode)
    return first.path == second.path


def _backing(host: "Host", name: str) -> _Backing | None:
    path = host.text(f"/sys/block/{name}/loop/backing_file")
    if path is None:
        return None
    status = _status(host, name)
    if status is None:
        return _Backing(path=path, device=number_behind(host, path))
    on_device, inode, device = status
    return _Backing(path=path, on_device=on_device, inode=inode, device=device or number_behind(host, path))


def _status(host: "Host", name: str) -> tuple[str, int, str] | None:
    """Device of the filesystem, inode and (for a device as backing) device of the backing; None when not told."""
    if not host.is_live:
        return None
    buffer = bytearray(_LOOP_INFO64_BYTES)
    try:
        descriptor = os.open(Path(host.path(node_path(name))), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.ioctl(descriptor, _LOOP_GET_STATUS64, buffer)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    on_device, inode, device = struct.unpack_from("=QQQ", buffer)
    return device_number(on_device), inode, device_number(device) if device else ""
