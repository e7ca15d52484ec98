"""Holding a drive so that nobody else can mount, format or assemble it while we look or write.

O_EXCL on the whole drive fails while anything in the kernel uses the drive or one of its partitions, in whatever mount
namespace, and keeps others from using it while we hold it (open(2); measured: mount, mkfs, wipefs and swapon get
EBUSY). The BSD lock on the same node is the protocol by which udev and systemd leave a drive alone meanwhile
(systemd.io/BLOCK_DEVICE_LOCKING). Both descriptors come from one open of the node without following a link, and its
device number is compared with sysfs: replacing the node changes nothing for us, it is refused.
"""

import errno
import fcntl
import os
import stat
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nodeagent.host.datasafety.family import node_path
from nodeagent.host.datasafety.identity import identity_refusals, number_refusals
from nodeagent.host.datasafety.refusal import NotSafeError, Reason, refuse
from nodeagent.model.facts import BlockDevice
from nodeagent.model.occupancy import Refusal

if TYPE_CHECKING:
    from nodeagent.host.host import Host

LOCK_WAIT_SECONDS = 10.0
"""udev holds the lock while it probes a drive after a change: well below a second, seconds on a busy boot."""

_BLKGETDISKSEQ = 0x80081280  # linux/fs.h, since 5.15
_NODE_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Claim:
    """A whole drive, held. Use it as a context manager; `close` gives it back.

    `fd` is open for reading and writing with O_DIRECT while the exclusive claim stands. `lock_fd` carries the lock and
    no claim, and stays until `close`: a program that takes its own claim (mkfs) gets `lock_path`.
    """

    def __init__(self, *, device: BlockDevice, lock_fd: int, fd: int) -> None:
        self.device = device
        self.lock_fd = lock_fd
        self.fd = fd

    @property
    def exclusive(self) -> bool:
        return self.fd >= 0

    @property
    def path(self) -> str:
        """For a child that inherits `fd`: leads to the claimed drive whatever happens to its node."""
        return f"/proc/self/fd/{self.fd}"

    @property
    def lock_path(self) -> str:
        """The same drive through the descriptor without a claim."""
        return f"/proc/self/fd/{self.lock_fd}"

    def release_exclusive(self) -> None:
        """Give up the claim and keep the lock."""
        if self.exclusive:
            os.close(self.fd)
            self.fd = -1

    def close(self) -> None:
        """Give everything back."""
        self.release_exclusive()
        if self.lock_fd >= 0:
            os.close(self.lock_fd)
            self.lock_fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def claim(host: "Host", device: BlockDevice) -> Claim:
    """Take the whole drive. NotSafeError where it is in use, locked, or not what `device` says; needs root.

    The identity is checked again after the open: only then does the descriptor pin what sysfs tells about it.
    """
    what = f"claim {device.name}"
    if not host.is_live:
        raise NotSafeError(what, [_unknown("a captured tree has no drives to claim")])
    lock_fd = _open(host.path(node_path(device.name)), _NODE_FLAGS, what)
    try:
        _require_node(host, device, lock_fd, what)
        _lock(lock_fd, device.name)
        fd = _open(Path(f"/proc/self/fd/{lock_fd}"), os.O_RDWR | os.O_EXCL | os.O_DIRECT | os.O_CLOEXEC, what)
    except BaseException:
        os.close(lock_fd)
        raise
    held = Claim(device=device, lock_fd=lock_fd, fd=fd)
    try:
        if refusals := [*identity_refusals(host, device), *sequence_refusals(host, device, fd)]:
            raise NotSafeError(what, refusals)
    except BaseException:
        held.close()
        raise
    return held


def sequence_refusals(host: "Host", device: BlockDevice, descriptor: int) -> list[Refusal]:
    """Is the open drive the one sysfs shows under this name? Both tell its sequence number, never given twice."""
    shown = host.text(f"/sys/block/{device.name}/diskseq")
    if shown is None:
        return []  # Before Linux 5.15.
    buffer = bytearray(8)
    try:
        fcntl.ioctl(descriptor, _BLKGETDISKSEQ, buffer)
    except OSError as error:
        return [_unknown(f"{device.name} does not tell its sequence number ({error.strerror})")]
    number = struct.unpack("=Q", buffer)[0]
    if str(number) == shown:
        return []
    text = f"{device.name} was replaced while it was opened (disk sequence {number}, sysfs says {shown})"
    return [refuse(Reason.CHANGED, text, remedy="nodeagent tune plan, to look again")]


def open_refusal(name: str, error: OSError) -> Refusal:
    """What it means that a drive could not be opened."""
    if error.errno == errno.EBUSY:
        return refuse(
            Reason.CLAIMED,
            f"{name} is in use: the kernel refuses an exclusive open (EBUSY)",
            remedy=f"lsblk /dev/{name}; grep {name} /proc/*/mountinfo; a ZFS pool: zpool status",
        )
    if error.errno == errno.ELOOP:
        return refuse(Reason.WRONG_NODE, f"{node_path(name)} is a symbolic link", remedy=f"ls -l {node_path(name)}")
    if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return refuse(Reason.WRONG_NODE, f"{node_path(name)} leads nowhere ({error.strerror})")
    if error.errno == errno.EROFS:
        return refuse(Reason.READ_ONLY, f"{name} can't be opened for writing ({error.strerror})")
    return _unknown(f"{name} can't be opened ({error.strerror})")


def _open(path: Path, flags: int, what: str) -> int:
    try:
        return os.open(path, flags)
    except OSError as error:
        raise NotSafeError(what, [open_refusal(what.rpartition(" ")[2], error)]) from error


def _require_node(host: "Host", device: BlockDevice, descriptor: int, what: str) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISBLK(status.st_mode):
        text = f"{node_path(device.name)} is no block device (mode {stat.filemode(status.st_mode)})"
        raise NotSafeError(what, [refuse(Reason.WRONG_NODE, text)])
    if refusals := number_refusals(host, device, status.st_rdev):
        raise NotSafeError(what, refusals)


def _lock(descriptor: int, name: str) -> None:
    """flock(2) with a deadline, which the call itself does not know."""
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                text = f"another program holds the lock of {node_path(name)} for more than {LOCK_WAIT_SECONDS:g} s"
                refusal = refuse(Reason.LOCKED, text, remedy=f"lslocks | grep {name}; fuser -v {node_path(name)}")
                raise NotSafeError(f"claim {name}", [refusal]) from error
            time.sleep(0.05)
        except OSError as error:
            refusal = refuse(Reason.LOCKED, f"{node_path(name)} can't be locked ({error.strerror})")
            raise NotSafeError(f"claim {name}", [refusal]) from error
        else:
            return


def _unknown(text: str) -> Refusal:
    return refuse(Reason.CONTENT_UNKNOWN, text, remedy="run as root, on the machine itself")
