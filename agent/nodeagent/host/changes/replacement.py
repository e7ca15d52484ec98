"""Replace a whole file so that a reader, a crash or a power cut sees the old one or the new one, nothing else.

A temporary file in the same directory, fsync, rename, fsync of the directory: without the first fsync the new name may
come back empty after a power cut, without the second it may come back with the old content though we said "done"
(rename(2), fsync(2)). The temporary name is always the same for a path, so that what a crash left is found and removed.
"""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from nodeagent.host.changes.refusal import host_error

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace(
    host: "Host", path: str, content: bytes, *, mode: int, owner: tuple[int, int] | None = None, durable: bool = True
) -> None:
    """Give `path` this content, mode and owner (None: ours).

    HostError where it can't be done; the old file then stands, unless only the last fsync failed.
    """
    location = host.path(path)
    temporary = _temporary(location)
    try:
        temporary.unlink(missing_ok=True)
        _write(temporary, content, mode=mode, owner=owner, durable=durable)
        temporary.replace(location)
        if durable:
            sync_directory(location.parent)
    except OSError as error:
        _remove_after(error, temporary)
        raise host_error("write", path, error) from error


def remove(host: "Host", path: str) -> None:
    """Remove a file for good; one that isn't there is fine."""
    location = host.path(path)
    try:
        location.unlink(missing_ok=True)
        sync_directory(location.parent)
    except OSError as error:
        raise host_error("remove", path, error) from error


def sweep(host: "Host", path: str) -> None:
    """Remove what a crash inside `replace` may have left."""
    try:
        _temporary(host.path(path)).unlink(missing_ok=True)
    except NotADirectoryError:
        return  # The directory became something else: nothing of ours can be in it.
    except OSError as error:
        raise host_error("remove the temporary file of", path, error) from error


def sync_directory(directory: Path) -> None:
    """fsync(2) of a directory: only then is a name in it as durable as the content."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary(location: Path) -> Path:
    return location.with_name(f".{location.name}.nodeagent-new")


def _write(location: Path, content: bytes, *, mode: int, owner: tuple[int, int] | None, durable: bool) -> None:
    descriptor = os.open(location, _CREATE, 0o600)
    try:
        written = os.write(descriptor, content)
        if written != len(content):
            raise OSError(errno.ENOSPC, f"only {written} of {len(content)} bytes were taken")
        if owner is not None and owner != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_after(error: OSError, temporary: Path) -> None:
    """The first error is what a person must see; a second one while tidying up is noted on it."""
    try:
        temporary.unlink(missing_ok=True)
    except OSError as second:
        error.add_note(f"{temporary} could not be removed: {second.strerror}")
