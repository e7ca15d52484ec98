"""Directories: made, given an owner and a mode, or removed while empty. A link in their place is never followed.

One that is the root of a filesystem is looked at where that is mounted; where it isn't, in a mount made for the look.
"""

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from nodeagent.host.changes import filesystem_root
from nodeagent.host.changes.mount import top_mount
from nodeagent.host.changes.observation import Observation
from nodeagent.host.changes.refusal import host_error
from nodeagent.host.changes.replacement import sync_directory
from nodeagent.model.change import ABSENT, DirectoryState, FilesystemName, SetDirectory

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_FIRST_MODE = 0o700
_STATE = re.compile(r"mode=([0-7]{4,}) owner=(\d+):(\d+)")
_SET_ID_BITS = stat.S_ISUID | stat.S_ISGID


def observe(host: "Host", change: SetDirectory) -> Observation:
    if hidden := _hidden(host, change):
        inside = filesystem_root.look(host, hidden)
        return Observation(state=str(inside), raw=str(inside)) if inside else Observation(state=ABSENT, gone=True)
    try:
        status = os.lstat(host.path(change.path))
    except (FileNotFoundError, NotADirectoryError):
        return Observation(state=ABSENT)
    except OSError as error:
        raise host_error("look at", change.path, error) from error
    if stat.S_ISLNK(status.st_mode):
        return Observation(state=f"link to {host.link(change.path)}")
    if not stat.S_ISDIR(status.st_mode):
        return Observation(state="not a directory")
    state = DirectoryState(mode=stat.S_IMODE(status.st_mode), uid=status.st_uid, gid=status.st_gid)
    return Observation(state=str(state), raw=str(state))


def _hidden(host: "Host", change: SetDirectory) -> FilesystemName | None:
    """The filesystem of which it is the root, where that isn't mounted at its place."""
    if change.root_of is None or not host.is_live:
        return None
    top = top_mount(host, change.path)
    return change.root_of if top is None or top.uuid != change.root_of.uuid else None


def perform(host: "Host", change: SetDirectory) -> None:
    if change.after is not None and (hidden := _hidden(host, change)):
        filesystem_root.set_up(host, hidden, change.after)
        return
    location = host.path(change.path)
    try:
        if change.after is None:
            location.rmdir()
        else:
            if change.before is None:
                location.mkdir(_FIRST_MODE)
            _set(location, change.after)
        if change.before is None or change.after is None:
            sync_directory(location.parent)
    except OSError as error:
        raise host_error("remove" if change.after is None else "set up", change.path, error) from error


def is_half_done(change: SetDirectory, state: str) -> bool:
    """Between mkdir, chown and chmod the directory has the first mode, or the new owner with the old mode."""
    found = _STATE.fullmatch(state)
    if found is None or change.after is None:
        return False
    mode, uid, gid = int(found[1], 8), int(found[2]), int(found[3])
    has_new_owner = (uid, gid) == (change.after.uid, change.after.gid)
    if change.before is None:
        # The group, and the set-group-ID bit, may come from the parent directory (inode(7)).
        return mode & ~stat.S_ISGID == _FIRST_MODE and (has_new_owner or uid == os.geteuid())
    return has_new_owner and mode | _SET_ID_BITS == change.before.mode | _SET_ID_BITS


def _set(location: Path, wanted: DirectoryState) -> None:
    descriptor = os.open(location, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # The owner first: chown(2) clears the set-ID bits of what it touches.
        os.fchown(descriptor, wanted.uid, wanted.gid)
        os.fchmod(descriptor, wanted.mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
