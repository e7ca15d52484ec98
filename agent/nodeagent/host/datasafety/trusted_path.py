"""Walking to a directory so that nobody without our rights decides where the walk ends.

A benchmark writes as root into a directory that often belongs to somebody else (the validator's user). Whoever owns a
directory on the way can put a symbolic link there; following it would let them choose which file root creates. So the
path is walked one component at a time with descriptors, and a link is followed only where just root or we could have
put it: its own owner and the directory it stands in decide. Source: openat(2), path_resolution(7), sshd's StrictModes.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from nodeagent.host.datasafety.refusal import NotSafeError, Reason, refuse
from nodeagent.model.occupancy import Refusal

_LINK_LIMIT = 40
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedDirectory:
    """An open directory; `path` is where it really is. The holder closes `fd`."""

    fd: int
    path: Path


def open_directory(path: Path) -> TrustedDirectory:
    """Open the directory `path`. NotSafeError where it isn't one, or a link on the way isn't to be trusted."""
    waiting = list(reversed((Path.cwd() / path).parts[1:]))
    done: list[str] = []
    opened = [os.open("/", _DIRECTORY)]
    links = 0
    try:
        while waiting:
            name = waiting.pop()
            if name == "..":
                if done:
                    os.close(opened.pop())
                    done.pop()
                continue
            status = _look(opened[-1], name, path)
            if stat.S_ISLNK(status.st_mode):
                links += 1
                target = _trusted_target(opened[-1], name, status, path, links)
                if target.startswith("/"):
                    done.clear()
                    _close(opened[1:])
                    del opened[1:]
                waiting.extend(part for part in reversed(target.split("/")) if part not in ("", "."))
                continue
            _require_directory(status, path)
            opened.append(os.open(name, _DIRECTORY, dir_fd=opened[-1]))
            done.append(name)
        return TrustedDirectory(fd=opened.pop(), path=Path("/", *done))
    except OSError as error:
        raise NotSafeError(f"use {path}", [_not_a_directory(path, error.strerror or str(error))]) from error
    finally:
        _close(opened)


def _look(directory: int, name: str, path: Path) -> os.stat_result:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError as error:
        raise NotSafeError(f"use {path}", [_not_a_directory(path, f"{name} does not exist")]) from error


def _trusted_target(directory: int, name: str, status: os.stat_result, path: Path, links: int) -> str:
    target = os.readlink(name, dir_fd=directory)
    _refuse_device(directory, name, path)
    ours = (0, os.geteuid())
    around = os.fstat(directory)
    by_others = around.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not around.st_mode & stat.S_ISVTX
    if status.st_uid not in ours or around.st_uid not in ours or by_others:
        text = f"{name} on the way to {path} is a symbolic link (to {target}) that user {status.st_uid} could have put"
        raise NotSafeError(
            f"use {path}", [refuse(Reason.AREA_UNTRUSTED_PATH, text, remedy=f"name the real path: realpath {path}")]
        )
    if links > _LINK_LIMIT:
        raise NotSafeError(f"use {path}", [refuse(Reason.AREA_UNTRUSTED_PATH, f"{path} has too many symbolic links")])
    return target


def _refuse_device(directory: int, name: str, path: Path) -> None:
    """A link that ends at a device gets that reason, wherever it stands; one that ends nowhere comes out below."""
    try:
        status = os.stat(name, dir_fd=directory)
    except OSError:
        return
    if not stat.S_ISDIR(status.st_mode):
        _require_directory(status, path)


def _require_directory(status: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        return
    if stat.S_ISBLK(status.st_mode) or stat.S_ISCHR(status.st_mode):
        text = f"{path} is a device; a benchmark only writes to a file that it makes itself"
        refusal = refuse(Reason.AREA_RAW_DEVICE, text, remedy="name a directory on a filesystem of that drive")
        raise NotSafeError(f"use {path}", [refusal])
    raise NotSafeError(f"use {path}", [_not_a_directory(path, f"it is {stat.filemode(status.st_mode)}")])


def _not_a_directory(path: Path, got: str) -> Refusal:
    return refuse(
        Reason.AREA_NOT_A_DIRECTORY,
        f"{path} can't be used as a directory: {got}",
        remedy="name an existing directory; the benchmark makes its own file in it",
    )


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
