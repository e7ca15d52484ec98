"""Space for the journal, set aside before it is needed.

A full disk must stop an apply before it begins, and must never stop a rollback. So an apply first makes sure that a
small file of the state directory really occupies its blocks; a rollback on a full disk gives those blocks back and has
room for its records.
"""

import errno
import os
from pathlib import Path

from nodeagent.host.state_directory import open_own_file
from nodeagent.model.errors import RefusedError

FILE_NAME = "reserve"
RESERVE_BYTES = 512 * 1024
"""The WAL file of the journal (tune/journal.py keeps it below 300 KiB) and the records of a large rollback."""

_STEP_BYTES = 16 * 1024  # two records with their WAL frames, and this step's part of the undo script

_FULL = (errno.ENOSPC, errno.EDQUOT)


def take(directory: Path, *, steps: int = 0) -> None:
    """Set the reserve aside and check that `steps` more fit; RefusedError, before anything was changed, if not."""
    try:
        descriptor = open_own_file(directory / FILE_NAME, os.O_RDWR | os.O_CREAT)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            space = os.fstatvfs(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _FULL:
            raise _refused(directory, str(error.strerror)) from error
        raise _refused(directory, f"it has no room for {RESERVE_BYTES} bytes") from error
    free_bytes = _free_bytes(space)
    if free_bytes < steps * _STEP_BYTES:
        raise _refused(directory, f"{steps} steps need {steps * _STEP_BYTES} bytes, {free_bytes} are free")


def give_back(directory: Path) -> None:
    """Free the reserve if the disk is so full that records might not fit; the next apply takes it again."""
    path = directory / FILE_NAME
    if _free_bytes(os.statvfs(directory)) < RESERVE_BYTES:
        path.unlink(missing_ok=True)


def _free_bytes(space: os.statvfs_result) -> int:
    """What this user may still write: root may use the blocks that a file system keeps back."""
    blocks = space.f_bfree if os.geteuid() == 0 else space.f_bavail
    return blocks * space.f_frsize


def _refused(directory: Path, reason: str) -> RefusedError:
    return RefusedError(
        f"refused to start: the journal in {directory} could not keep what it must: {reason}",
        remedy=f"make space: df -h {directory}",
    )
