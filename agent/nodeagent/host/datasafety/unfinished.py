"""A filesystem whose making was interrupted: it has a name and a UUID already, and must not be taken for one.

Killed at every write, mkfs.ext4 and mkfs.btrfs leave nothing that a probe knows until the very end; mkfs.xfs writes its
superblock, UUID and label among the first, and marks it "in progress" until all is done. blkid (2.38) does not look at
the mark; the kernel does, and refuses to mount. Source: fs/xfs/libxfs/xfs_format.h, sb_inprogress; the kill sweep is in
tests/host/datasafety.
"""

import os

_XFS_MAGIC = b"XFSB"
_XFS_IN_PROGRESS_AT = 126


def is_unfinished(descriptor: int) -> bool:
    """Does the device behind `descriptor` hold a filesystem that was never finished? OSError where it can't be read."""
    if os.pread(descriptor, len(_XFS_MAGIC), 0) != _XFS_MAGIC:
        return False
    return os.pread(descriptor, 1, _XFS_IN_PROGRESS_AT) != b"\0"
