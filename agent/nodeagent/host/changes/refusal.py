"""What an errno of a write means to a person, and what to do about it.

Sources: write(2), open(2), rename(2); for sysfs and sysctl files the errno is the driver's or the kernel parameter's
own, so EINVAL means "this value, here, now" more often than "this call".
"""

import errno

from nodeagent.model.errors import HostError

_REMEDIES = {
    errno.EACCES: "run it as root, outside of a container that mounts it read-only",
    errno.EPERM: "run it as root with the capability that this knob asks for (nodeagent host doctor)",
    errno.EROFS: "see `findmnt -T {path}`: the file system is mounted read-only",
    errno.EBUSY: "find out who uses it (`fuser -vm {path}`), then run the command again",
    errno.EINVAL: "the kernel refuses this value here; see what it offers: `cat {path}`",
    errno.ERANGE: "the value is outside of what the kernel accepts; see what it has now: `cat {path}`",
    errno.ENOENT: "it went away or this kernel lacks it; plan again: nodeagent tune plan",
    errno.ENODEV: "the device went away; plan again: nodeagent tune plan",
    errno.ENXIO: "the device went away; plan again: nodeagent tune plan",
    errno.ENOSPC: "make space (`df -h {path}`), then run the command again",
    errno.EDQUOT: "make space (`df -h {path}`), then run the command again",
    errno.EIO: "the device or its driver failed; see `dmesg`",
    errno.ENOTEMPTY: "something was put there since; look with `ls -A {path}`",
}


def host_error(doing: str, path: str, error: OSError) -> HostError:
    """`doing` is what was tried, as in "cannot DOING PATH: Device or resource busy (EBUSY)"."""
    number = error.errno or errno.EIO
    name = errno.errorcode.get(number, str(number))
    remedy = _REMEDIES.get(number, "see `dmesg` for what the kernel says about it")
    return HostError(f"cannot {doing} {path}: {error.strerror} ({name})", remedy=remedy.format(path=path))
