"""Where the agent keeps what must outlive it: the journal of originals, the history, the lock, the undo scripts.

What lies there decides what is written to the machine by root, so nobody else may be able to put it there: the
directory and the files in it belong to us, no link is followed, and no directory above can be exchanged by others
(the rules of sshd's StrictModes). Each refusal changes nothing.
"""

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from nodeagent.model.errors import HostError, RefusedError

STATE_VARIABLE = "NODEAGENT_STATE_DIR"

_SYSTEM_DIRECTORY = Path("/var/lib/nodeagent")


def state_directory(
    explicit: Path | None = None, *, root: Path = Path("/"), environment: Mapping[str, str] | None = None
) -> Path:
    """The state directory of this user, not yet made; an absolute path.

    `explicit` (`--state-dir`) stands over NODEAGENT_STATE_DIR, that over the default: /var/lib/nodeagent for root,
    $XDG_STATE_HOME/nodeagent for others (XDG Base Directory Specification 0.8), and inside an injected root its own.
    """
    variables = os.environ if environment is None else environment
    if explicit is not None:
        return Path.cwd() / explicit
    if given := variables.get(STATE_VARIABLE):
        return Path.cwd() / given
    if root != Path("/"):
        return root / _SYSTEM_DIRECTORY.relative_to("/")
    if os.geteuid() == 0:
        return _SYSTEM_DIRECTORY
    base = Path(variables.get("XDG_STATE_HOME", ""))
    # A relative XDG path is to be ignored, says the specification.
    return (base if base.is_absolute() else _home(variables) / ".local" / "state") / "nodeagent"


def ensure_state_directory(path: Path) -> Path:
    """Make it where it is missing (mode 0700, durably), check that nobody else can write into it, and return it.

    HostError where it can't be made; RefusedError where it is a link, somebody else's, or open to others.
    """
    try:
        _make(path)
        _check_ancestors(path)
        _check_directory(path)
    except OSError as error:
        raise HostError(
            f"cannot use the state directory {path}: {error.strerror} ({error.filename})",
            remedy=f"choose another one with --state-dir or {STATE_VARIABLE}",
        ) from error
    return path


def open_own_file(path: Path, flags: int) -> int:
    """Open a file of the state directory (made with mode 0600 where O_CREAT is given); a file descriptor.

    RefusedError where it is a link, not a plain file, somebody else's, or has a second name.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if path.is_symlink():
            raise _refused(path, "it is a symbolic link") from error
        raise
    status = os.fstat(descriptor)
    reason = _foreign_file(status)
    if reason:
        os.close(descriptor)
        raise _refused(path, reason)
    return descriptor


def write_own_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a file of the state directory in one durable step: temporary file, fsync, rename, fsync; OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        _write_synced(temporary, content, mode=mode)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def remove_own_file(path: Path) -> None:
    """Remove a file of the state directory so that a power cut doesn't bring it back; none is fine. OSError."""
    path.unlink(missing_ok=True)
    _sync(path.parent)


def _write_synced(path: Path, content: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        written = os.write(descriptor, content)
        if written != len(content):
            raise OSError(errno.ENOSPC, f"only {written} of {len(content)} bytes were taken", os.fspath(path))
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _home(variables: Mapping[str, str]) -> Path:
    try:
        return Path(variables["HOME"]) if variables.get("HOME") else Path.home()
    except RuntimeError as error:
        raise HostError(
            "cannot tell where to keep the state: HOME is not set and this user has no home directory",
            remedy=f"choose a directory with --state-dir or {STATE_VARIABLE}",
        ) from error


def _make(path: Path) -> None:
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    for directory in reversed(missing):
        if directory.is_symlink():
            raise _refused(directory, "it is a symbolic link that leads nowhere")
        directory.mkdir(0o700, exist_ok=True)
        _sync(directory.parent)


def _check_ancestors(path: Path) -> None:
    """Both the path as written and where its links lead."""
    ours = (0, os.geteuid())
    for directory in {*path.parents, *path.resolve().parents}:
        status = directory.lstat()
        if status.st_uid not in ours:
            raise _refused(path, f"{directory} belongs to user {status.st_uid}, who could exchange it")
        if not stat.S_ISLNK(status.st_mode) and _open_to_others(status) and not status.st_mode & stat.S_ISVTX:
            raise _refused(path, f"others may write into {directory} (mode {stat.S_IMODE(status.st_mode):04o})")


def _check_directory(path: Path) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise _refused(path, "it is a symbolic link")
    if not stat.S_ISDIR(status.st_mode):
        raise _refused(path, "it is not a directory")
    if status.st_uid != os.geteuid():
        raise _refused(path, f"it belongs to user {status.st_uid}, not to {os.geteuid()}")
    if _open_to_others(status):
        raise _refused(path, f"others may write into it (mode {stat.S_IMODE(status.st_mode):04o})")


def _open_to_others(status: os.stat_result) -> bool:
    by_group = status.st_mode & stat.S_IWGRP and status.st_gid not in (0, os.getegid())
    return bool(by_group or status.st_mode & stat.S_IWOTH)


def _foreign_file(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "it is not a plain file"
    if status.st_uid != os.geteuid():
        return f"it belongs to user {status.st_uid}, not to {os.geteuid()}"
    if status.st_nlink != 1:
        return f"it has {status.st_nlink} names (hard links)"
    return ""


def _refused(path: Path, reason: str) -> RefusedError:
    return RefusedError(
        f"refused to use {path}: {reason}",
        remedy=f"look at it (`ls -ld {path}`), or choose another directory with --state-dir or {STATE_VARIABLE}",
    )


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
