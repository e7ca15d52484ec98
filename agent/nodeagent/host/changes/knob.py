"""Kernel knobs: files below /proc/sys and /sys, each written by one write(2).

The kernel takes a knob's value from a single write and may act on it at once, so the file is opened without O_CREAT
(a missing knob must not become a file), written once, and a short write is an error. Below an injected root a knob is
an ordinary file; there it is replaced in one step, which is the closest an ordinary file comes to a knob.
"""

import errno
import os
import re
import stat
from typing import TYPE_CHECKING

from nodeagent.host.changes import hugepage_pool, replacement
from nodeagent.host.changes.observation import Observation
from nodeagent.host.changes.refusal import host_error
from nodeagent.model.change import WriteCoupled, WriteFile, coupled_state
from nodeagent.model.errors import HostError
from nodeagent.model.reading import Reading, ReadStatus

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_KERNEL_TREES = ("/proc/", "/sys/")
_OBJECT = re.compile(r"/sys/(?:block|class/block|class/net)/[^/]+(?=/)|/sys/devices/.+(?=/queue/)")
_COUPLED_VALUE = re.compile(r"(/\S+)=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")(?: |$)")


def observe(host: "Host", change: WriteFile | WriteCoupled) -> Observation:
    if isinstance(change, WriteFile):
        reading = _read(host, change.path)
        gone = reading.status is ReadStatus.ABSENT
        state = "" if gone else change.form.parse(reading.text)
        return Observation(state=state, raw=reading.text, gone=gone, place=place(host, change.path))
    readings = {member.path: _read(host, member.path) for member in change.members}
    return Observation(
        state=coupled_state({member.path: member.form.parse(readings[member.path].text) for member in change.members}),
        raw="".join(reading.text for reading in readings.values()),
        # One member may be there on one side only: queue/iosched/* belongs to a scheduler.
        gone=all(reading.status is ReadStatus.ABSENT for reading in readings.values()),
        place=place(host, change.members[0].path) if change.members else "",
    )


def perform(host: "Host", change: WriteFile | WriteCoupled) -> None:
    if isinstance(change, WriteFile):
        if hugepage_pool.is_pool(change.path):
            hugepage_pool.fill(host, change.path, change.after, write=write)
        else:
            write(host, change.path, change.after)
        return
    for member in change.members:
        if member.forward:
            write(host, member.path, member.after)


def write(host: "Host", path: str, value: str) -> None:
    """Write one value and a line end, as echo(1) does; HostError where the kernel refuses or takes only a part."""
    content = (value + "\n").encode("utf-8", "surrogateescape")
    if not (host.is_live and path.startswith(_KERNEL_TREES)):
        _replace(host, path, content)
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            written = os.write(descriptor, content)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise host_error(f"write {value!r} to", path, error) from error
    if written != len(content):
        raise HostError(
            f"cannot write {value!r} to {path}: the kernel took {written} of {len(content)} bytes",
            remedy=f"see what it holds now: `cat {path}`",
        )


def is_half_done(change: WriteFile | WriteCoupled, state: str) -> bool:
    """Was the group cut between two of its writes, or a pool while it was filled?

    Once one member holds its new value the others can read anything, because that is what couples them: the kernel
    sets them when it is written (a new scheduler starts with nr_requests of its own).
    """
    if isinstance(change, WriteFile):
        return hugepage_pool.is_pool(change.path) and hugepage_pool.is_half_done(change, state)
    found = {match[1]: match[2] for match in _COUPLED_VALUE.finditer(state)}
    written = [member for member in change.members if member.forward]
    if any(found.get(m.path) == repr(m.after) != repr(m.before) for m in written):
        return True
    untouched = all(found.get(m.path) in (repr(m.before), repr(m.after)) for m in change.members)
    return bool(written) and untouched


def place(host: "Host", path: str) -> str:
    """Which object a knob belongs to: a name like nvme0n1 or eth0 may be another's after a hot-plug.

    `diskseq` (Documentation/ABI/testing/sysfs-block) and `ifindex` are never given twice within one boot; the
    network namespace matters to what is below /proc/sys/net.
    """
    if path.startswith("/proc/sys/net/"):
        return host.link("/proc/self/ns/net")
    if not path.startswith("/sys/"):
        return ""
    found = _OBJECT.match(path)
    if found is None:
        return host.real(path)
    number = "ifindex" if "/class/net/" in found[0] else "diskseq"
    return f"{host.real(found[0])} {number}={host.text(f'{found[0]}/{number}') or '?'}"


def _read(host: "Host", path: str) -> Reading:
    reading = host.read(path)
    if reading.status is ReadStatus.UNREADABLE:
        number = getattr(errno, reading.problem, errno.EIO)
        raise host_error("read", path, OSError(number, os.strerror(number)))
    return reading


def _replace(host: "Host", path: str, content: bytes) -> None:
    real = host.real(path)
    try:
        mode = os.stat(host.path(real)).st_mode if real else 0  # noqa: PTH116
    except OSError as error:
        raise host_error("write", path, error) from error
    if not stat.S_ISREG(mode):
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL if real else errno.ENOENT
        raise host_error("write", path, OSError(number, os.strerror(number)))
    if not mode & stat.S_IWUSR:
        raise host_error("write", path, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    replacement.replace(host, real, content, mode=stat.S_IMODE(mode), durable=False)
