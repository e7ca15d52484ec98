"""What a test file is like before a benchmark touches it: a plain file, how large, and does it take O_DIRECT?

Not every filesystem does (tmpfs before Linux 6.6, some FUSE and overlay mounts), and open(2) with O_DIRECT answers
EINVAL there. A benchmark through the page cache measures memory, so this is asked first and said with the result.
"""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from nodeagent.model.errors import HostError, RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """`direct` is False where the filesystem refuses O_DIRECT."""

    size_bytes: int
    direct: bool


def inspect_test_file(path: Path, *, fd: int | None = None) -> FileState:
    """Look at the file behind `fd`, or behind `path` where there is no descriptor; follows no link, changes nothing.

    HostError where it cannot be opened; RefusedError where it is no plain file or has a second name.
    """
    try:
        descriptor, direct = _open(path, os.O_NOFOLLOW) if fd is None else _open(Path(f"/proc/self/fd/{fd}"), 0)
    except OSError as error:
        raise HostError(f"test file {path}: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError(f"test file {path}: not a plain file; benchmarks touch only files of their own")
    if status.st_nlink != 1:
        raise RefusedError(f"test file {path}: it has {status.st_nlink} names (hard links), wanted one, ours")
    return FileState(size_bytes=status.st_size, direct=direct)


def _open(path: Path, follow: int) -> tuple[int, bool]:
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | follow
    try:
        return os.open(path, flags | os.O_DIRECT), True
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
    return os.open(path, flags), False
