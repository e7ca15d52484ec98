"""Whole configuration files: replaced or removed in one durable step, never edited in place.

What is there is looked at without following a link: a link that an administrator planted (`/etc/sysctl.d/x.conf ->
/dev/null` masks a file of a package) is a state of its own and is never written through.
"""

import os
import re
import stat
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from nodeagent.host.changes import replacement, unit
from nodeagent.host.changes.observation import Observation
from nodeagent.host.changes.refusal import host_error
from nodeagent.model.change import ABSENT, WriteConfig, file_state, is_unit_file
from nodeagent.model.errors import HostError

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_MODE = re.compile(r"mode=([0-7]{4}) ")


def observe(host: "Host", change: WriteConfig) -> Observation:
    """`raw` is mode and owner; the content is in the change itself, and `state` is its checksum."""
    status = _status(host, change.path)
    if status is None:
        return Observation(state=ABSENT)
    raw = f"mode={stat.S_IMODE(status.st_mode):04o} owner={status.st_uid}:{status.st_gid}"
    if stat.S_ISLNK(status.st_mode):
        return Observation(state=f"link to {host.link(change.path)}", raw=raw)
    if not stat.S_ISREG(status.st_mode):
        return Observation(state="not a file", raw=raw)
    reading = host.read(change.path)
    if not reading.ok:
        raise HostError(
            f"cannot read {change.path}: {reading.problem or 'it went away meanwhile'}",
            remedy=f"look at it: `ls -l {change.path}`",
        )
    return Observation(state=file_state(reading.text), raw=raw)


def perform(host: "Host", change: WriteConfig) -> None:
    """Keeps the owner of a file that is there; the mode is the one that the change names.

    After a unit file or a drop-in PID 1 reads its files again, where systemd runs the machine: until then it would act
    on the old ones, and say so at every systemctl.
    """
    _write(host, change)
    finish(host, change)


def finish(host: "Host", change: WriteConfig) -> None:
    """What follows the write, also where the write was the last thing that was done; HostError."""
    if is_unit_file(change.path):
        unit.reload_units(host)


def _write(host: "Host", change: WriteConfig) -> None:
    status = _status(host, change.path)
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise HostError(
            f"cannot write {change.path}: it is a link, a directory or a device, wanted a plain file",
            remedy=f"look at it (`ls -ld {change.path}`) and remove it if it is not meant",
        )
    if change.after is None:
        replacement.remove(host, change.path)
        return
    content = change.after.encode("utf-8", "surrogateescape")
    owner = (status.st_uid, status.st_gid) if status else None
    replacement.replace(host, change.path, content, mode=change.mode, owner=owner)


def inverse(change: WriteConfig, raw: str) -> WriteConfig:
    """Back to the old content under the old mode, which the forward change may not have had."""
    match = _MODE.match(raw)
    back = change.inverse()
    return changed(back, mode=int(match[1], 8)) if match else back


def _status(host: "Host", path: str) -> os.stat_result | None:
    try:
        return os.lstat(host.path(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise host_error("look at", path, error) from error
