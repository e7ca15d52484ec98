"""Loop devices that write to the same place as a drive without holding it exclusively.

A loop device on a drive (`losetup /dev/loop1 /dev/nvme0n1`), on a file that lies on a drive, or on the same file as
another loop device never claims what it writes to, so an exclusive open of the drive succeeds: only a look at all
loop devices tells. Device and inode come from LOOP_GET_STATUS64 where the kernel gives them, since a path says nothing
about another namespace or a deleted file. Source: loop(4), include/uapi/linux/loop.h, Documentation/ABI/*/sysfs-block.
"""

import errno
import fcntl
import os
import re
import struct
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSurvey:
    """`unread` are loop devices of which it can't be told what they write to, with the errno."""

    uses: tuple[LoopUse, ...]
    unread: tuple[tuple[str, str], ...]


def survey_loops(host: "Host", family: Family) -> LoopSurvey:
    """Every other loop device that writes to the drive, to a file on it, or to the drive's own backing file."""
    backings: dict[str, _Backing] = {}
    unread = []
    for name in host.names("/sys/block"):
        if not _LOOP.fullmatch(name):
            continue
        try:
            if backing := _backing(host, name):
                backings[name] = backing
        except OSError as error:
            unread.append((name, errno.errorcode.get(error.errno or 0, "EIO")))
    own = backings.pop(family.drive, None)
    uses = (
        LoopUse(name=name, backing_file=backing.path, relation=relation)
        for name, backing in backings.items()
        if (relation := _relation(family, own, backing))
    )
    return LoopSurvey(uses=tuple(uses), unread=tuple(unread))


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
    """None for a loop device that isn't set up; OSError where it is and does not tell."""
    where = f"/sys/block/{name}/loop/backing_file"
    path = host.text(where)
    if path is None:
        return None
    if not host.is_live:
        return _Backing(path=path, device=number_behind(host, path))
    try:
        on_device, inode, device = _status(host, name)
    except OSError:
        if host.text(where) is None:  # Taken down while we looked.
            return None
        raise
    return _Backing(path=path, on_device=on_device, inode=inode, device=device or number_behind(host, path))


def _status(host: "Host", name: str) -> tuple[str, int, str]:
    """Device of the filesystem, inode and (where the backing is a device itself) device of the backing."""
    buffer = bytearray(_LOOP_INFO64_BYTES)
    descriptor = os.open(host.path(node_path(name)), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.ioctl(descriptor, _LOOP_GET_STATUS64, buffer)
    finally:
        os.close(descriptor)
    on_device, inode, device = struct.unpack_from("=QQQ", buffer)
    return device_number(on_device), inode, device_number(device) if device else ""
