"""The UUID of a mounted filesystem, read from its superblock: for machines where no udev keeps records.

Offsets: ext4 s_uuid at 0x68 of the superblock at 1024 (fs/ext4/ext4.h), XFS sb_uuid at 32 (fs/xfs/libxfs/xfs_format.h),
btrfs fsid at 0x20 of the superblock at 64 KiB (include/uapi/linux/btrfs_tree.h). The magic number is checked, so that
a stale name can't give the UUID of something else. Reads only, and only on the running machine.
"""

import os
import stat
from dataclasses import dataclass
from uuid import UUID

from nodeagent.host.host import Host


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where the magic number and the UUID of a filesystem stand, from the start of the device."""

    magic: bytes
    magic_offset: int
    uuid_offset: int


_EXT = _Layout(magic=b"\x53\xef", magic_offset=1024 + 0x38, uuid_offset=1024 + 0x68)
_LAYOUTS = {
    "ext2": _EXT,
    "ext3": _EXT,
    "ext4": _EXT,
    "xfs": _Layout(magic=b"XFSB", magic_offset=0, uuid_offset=32),
    "btrfs": _Layout(magic=b"_BHRfS_M", magic_offset=0x10040, uuid_offset=0x10020),
}


def superblock_uuid(host: Host, name: str, *, fstype: str) -> str:
    """The UUID as text; "" where the filesystem is of another kind, or the device can't be read."""
    layout = _LAYOUTS.get(fstype)
    if layout is None or not host.is_live:
        return ""
    try:
        return _read_uuid(f"/dev/{name}", layout)
    except OSError:
        return ""


def _read_uuid(device: str, layout: _Layout) -> str:
    descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if not stat.S_ISBLK(os.fstat(descriptor).st_mode):
            return ""
        if os.pread(descriptor, len(layout.magic), layout.magic_offset) != layout.magic:
            return ""
        raw = os.pread(descriptor, 16, layout.uuid_offset)
    finally:
        os.close(descriptor)
    return str(UUID(bytes=raw)) if len(raw) == 16 and any(raw) else ""
