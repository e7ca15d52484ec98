"""One writer at a time: flock(2) on a file that is never removed.

The kernel drops the lock when its holder dies, however it dies, so there is no stale lock and nothing to force. What
the file says about the holder is for the message only. The descriptor is closed on exec: a child must not go on
holding the lock of a dead parent.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from nodeagent.host.process_identity import own_identity
from nodeagent.host.state_directory import ensure_state_directory, open_own_file
from nodeagent.model.errors import BusyError, HostError

FILE_NAME = "lock"

_NOTE_LIMIT_BYTES = 4096
_NOTE_PATIENCE_SECONDS = 0.25


@contextmanager
def hold(directory: Path, *, command: str, boot_id: str, wall_seconds: float, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a state directory for the block.

    BusyError naming the holder where somebody else has it, unless `wait`, which waits for as long as it takes.
    """
    path = ensure_state_directory(directory) / FILE_NAME
    try:
        descriptor = open_own_file(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise HostError(
            f"cannot open the lock {path}: {error.strerror}", remedy=f"make {directory} writable for this user"
        ) from error
    try:
        _take(descriptor, wait=wait)
        _leave_note(descriptor, command=command, boot_id=boot_id, wall_seconds=wall_seconds)
        try:
            yield
        finally:
            _clear_note(descriptor)
    finally:
        os.close(descriptor)


def _take(descriptor: int, *, wait: bool) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _busy(_read_note(descriptor)) from error


def _leave_note(descriptor: int, *, command: str, boot_id: str, wall_seconds: float) -> None:
    """A note that can't be written (a full disk) must not stop a rollback, and nobody decides anything by it."""
    us = own_identity()
    note = {"pid": us.pid, "start_ticks": us.start_ticks, "boot_id": boot_id}
    text = json.dumps({**note, "command": command[:200], "since": wall_seconds}) + "\n"
    try:
        os.pwrite(descriptor, text.encode(), 0)
        os.ftruncate(descriptor, len(text))
    except OSError:
        _clear_note(descriptor)


def _read_note(descriptor: int) -> bytes:
    """The holder writes it right after it got the lock: of two that start together, one looks too early."""
    deadline = time.monotonic() + _NOTE_PATIENCE_SECONDS
    while not (note := os.pread(descriptor, _NOTE_LIMIT_BYTES, 0)) and time.monotonic() < deadline:
        time.sleep(_NOTE_PATIENCE_SECONDS / 50)
    return note


def _clear_note(descriptor: int) -> None:
    """An old note that can't be cleared (the disk broke meanwhile) misleads nobody: it is read only while the lock is
    held, and the next holder writes its own over it. What the block did must not end in an error for that."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)


def _busy(note: bytes) -> BusyError:
    try:
        holder = json.loads(note)
        since = f"{datetime.fromtimestamp(holder['since']).astimezone():%H:%M:%S}"
        who = f"process {holder['pid']} (nodeagent {holder['command']}), since {since}"
        look = f"ps -fp {int(holder['pid'])}"
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        who, look = "its name is not known yet", "ps -ef | grep nodeagent"
    return BusyError(f"another nodeagent is at work: {who}", remedy=f"wait until it is done; to look at it: {look}")
