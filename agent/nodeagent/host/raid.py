"""Arrays of md, told by what their members carry: the superblock of metadata 1.2, and what sysfs says of the array.

A name such as md127 is given anew at each boot, and sysfs does not tell an array's UUID (Linux 6.1), so it is read from
the members: 4 KiB from the start of each, checksum and place verified. Source: struct mdp_superblock_1 in
include/uapi/linux/raid/md_p.h, Documentation/admin-guide/md.rst.
"""

import os
import re
import stat
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from nodeagent.host.host import Host

SUPERBLOCK_AT = 4096
SUPERBLOCK_BYTES = 4096
"""As much as mdadm writes; a place of two bytes for each member follows the fixed part."""
ARRAY_NAME = re.compile(r"md(\d+|_[A-Za-z0-9._-]+)", re.ASCII)

_SECTOR_BYTES = 512
_MAGIC = 0xA92B4EFC
_FIXED_BYTES = 256
_CHECKSUM_AT = 216
_MAX_DEVICES = (SUPERBLOCK_BYTES - _FIXED_BYTES) // 2
_ROLES_OF_NOBODY = 0xFFF0
"""Above stand spares, failed members and journals."""

_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class RaidSuperblock:
    """One member's word about its array. `role` is its place in it, None for a spare or a failed one."""

    uuid: str
    name: str
    level: int
    devices: int
    chunk_bytes: int
    role: int | None
    data_offset_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayShown:
    """What sysfs says of an array; texts as read, "" where it says nothing."""

    level: str
    metadata: str
    state: str
    devices: str
    members: tuple[str, ...]


def parse_superblock(data: bytes) -> RaidSuperblock | None:
    """The superblock of version 1.2 in what stands 4 KiB from a drive's start; None where there is no sound one."""
    if len(data) < _FIXED_BYTES:
        return None
    magic, major = struct.unpack_from("<II", data, 0)
    level, _, _, chunk, devices = struct.unpack_from("<iIQII", data, 72)
    data_offset, _, super_offset = struct.unpack_from("<QQQ", data, 128)
    number = struct.unpack_from("<I", data, 160)[0]
    checksum, count = struct.unpack_from("<II", data, _CHECKSUM_AT)
    if (magic, major, super_offset * _SECTOR_BYTES) != (_MAGIC, 1, SUPERBLOCK_AT):
        return None
    if count > _MAX_DEVICES or len(data) < _FIXED_BYTES + 2 * count or checksum != superblock_checksum(data, count):
        return None
    roles = struct.unpack_from(f"<{count}H", data, _FIXED_BYTES)
    role = roles[number] if number < count else _ROLES_OF_NOBODY
    return RaidSuperblock(
        uuid=str(UUID(bytes=data[16:32])),
        name=data[32:64].split(b"\0", 1)[0].decode("utf-8", "replace"),
        level=level,
        devices=devices,
        chunk_bytes=chunk * _SECTOR_BYTES,
        role=role if role < _ROLES_OF_NOBODY else None,
        data_offset_bytes=data_offset * _SECTOR_BYTES,
    )


def superblock_checksum(data: bytes, devices: int) -> int:
    """The sum that the kernel keeps: little-endian words, its own place taken as zero, the carry added once."""
    end = _FIXED_BYTES + 2 * devices
    whole = data[:_CHECKSUM_AT] + bytes(4) + data[_CHECKSUM_AT + 4 : end]
    words = struct.unpack_from(f"<{end // 4}I", whole)
    total: int = sum(words) + (int.from_bytes(whole[end - 2 : end], "little") if end % 4 else 0)
    return ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF


def read_superblock(host: "Host", name: str) -> RaidSuperblock | None:
    """What the drive `name` carries; OSError where its node is another device's or can't be read."""
    descriptor = os.open(host.path("/dev/" + name.replace("!", "/")), _OPEN_FLAGS)
    try:
        if host.is_live:
            _require_number(host, name, descriptor)
        return parse_superblock(os.pread(descriptor, SUPERBLOCK_BYTES, SUPERBLOCK_AT))
    finally:
        os.close(descriptor)


def show_array(host: "Host", name: str) -> ArrayShown:
    """The array `name` (md127) as sysfs shows it."""
    directory = f"/sys/block/{name}"
    level, metadata, state, devices = (
        host.text(f"{directory}/md/{knob}") or "" for knob in ("level", "metadata_version", "array_state", "raid_disks")
    )
    members = tuple(sorted(host.names(f"{directory}/slaves")))
    return ArrayShown(level=level, metadata=metadata, state=state, devices=devices, members=members)


def shown_uuid(host: "Host", name: str) -> str:
    """The UUID of the array `name`, by its first member that can be read; "" where none can."""
    for member in show_array(host, name).members:
        try:
            found = read_superblock(host, member)
        except OSError:
            continue
        if found is not None:
            return found.uuid
    return ""


def _require_number(host: "Host", name: str, descriptor: int) -> None:
    status = os.fstat(descriptor)
    number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    if not stat.S_ISBLK(status.st_mode) or number != host.text(f"/sys/class/block/{name}/dev"):
        raise OSError(f"/dev/{name} is not the device that sysfs shows")
