"""Loop devices of our own, made for the purpose and removed as devices, not only emptied.

A loop device keeps the settings of its request queue when its file is taken away, and the next user gets them. So one
that is to be tuned is added under a number that nobody uses and removed again as a whole, with all that was set on it.
Source: Documentation/admin-guide/devices.txt (loop-control), loop(4): LOOP_CTL_ADD, LOOP_CTL_REMOVE.
"""

import errno
import fcntl
import os
import re
import time
from pathlib import Path

from nodeagent.model.errors import HostError

_CONTROL = Path("/dev/loop-control")
_LOOP_CTL_ADD = 0x4C80
_LOOP_CTL_REMOVE = 0x4C81
_SYSFS = Path("/sys/block")
_REMOVE_TRIES = 25
_REMOVE_WAIT_SECONDS = 0.1


def node(number: int) -> str:
    """The device node of a loop device."""
    return f"/dev/loop{number}"


def add_loop(number: int) -> bool:
    """Add an empty loop device; False where the number is taken. HostError where the kernel refuses."""
    try:
        _control(_LOOP_CTL_ADD, number)
    except OSError as error:
        if error.errno == errno.EEXIST:
            return False
        raise HostError(
            f"cannot add loop device {number}: {error.strerror} ({_CONTROL})",
            remedy="loop devices need root and a kernel with the loop module (modprobe loop)",
        ) from error
    return True


def remove_loop(number: int) -> None:
    """Remove an empty loop device; one that isn't there is fine. HostError while somebody uses it."""
    for _ in range(_REMOVE_TRIES):
        try:
            _control(_LOOP_CTL_REMOVE, number)
        except OSError as error:
            if error.errno in {errno.ENODEV, errno.ENOENT}:
                return
            if error.errno != errno.EBUSY:
                raise HostError(f"cannot remove loop device {number}: {error.strerror}") from error
            # udev may still be reading it.
            time.sleep(_REMOVE_WAIT_SECONDS)
        else:
            return
    raise HostError(f"cannot remove loop device {number}: it is in use", remedy=f"fuser -v {node(number)}")


def loops_below(directory: Path) -> dict[int, Path]:
    """Every loop device whose file lies (or lay) below a directory, by number."""
    found = {}
    for entry in _SYSFS.glob("loop*"):
        match = re.fullmatch(r"loop(\d+)", entry.name)
        try:
            backing = (entry / "loop" / "backing_file").read_text().rstrip("\n")
        except OSError:
            continue  # empty, or gone meanwhile
        path = Path(backing.removesuffix(" (deleted)"))
        if match and path.is_relative_to(directory):
            found[int(match[1])] = path
    return found


def _control(command: int, number: int) -> None:
    descriptor = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, command, number)
    finally:
        os.close(descriptor)
