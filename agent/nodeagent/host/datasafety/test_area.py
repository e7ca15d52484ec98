"""The only thing a benchmark may write to: a file that it made itself, in a directory of its own.

A directory with an unguessable name (mode 0700) is made in the place that the profile names, in it one file with
O_CREAT and O_EXCL, really allocated (a thin file would measure the allocator). Everything goes through descriptors of
directories (trusted_path.py), and the place must lie on the mount it is expected on: an unmounted ledger directory
would else fill the root filesystem. What is made is noted in the state directory first (test_area_record.py), so that
the next start removes what a crash left.

Whoever owns the place may rename our directory away and put a link there. So hand `target` to the benchmark, a path
through the open descriptor, and not `path`, which is for people.
"""

import os
import stat
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nodeagent.host.datasafety.place import Place, inspect_place, open_place
from nodeagent.host.datasafety.refusal import NotSafeError, Reason, refuse
from nodeagent.host.datasafety.test_area_record import FILE_NAME, Record, new_record
from nodeagent.host.datasafety.trusted_path import TrustedDirectory
from nodeagent.model.errors import HostError
from nodeagent.model.occupancy import Refusal

if TYPE_CHECKING:
    from nodeagent.host.host import Host

SMALLEST_BYTES = 1024 * 1024
LARGEST_BYTES = 256 * 1024**3
"""Several times the cache of any drive or controller; more only wears the drive out."""

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class TestArea:
    """A file of our own, `size_bytes` long, allocated. Use it as a context manager; `remove` takes it away.

    Give the benchmark `target` and let it inherit `fd`. `directory` may hold further files of ours (none by itself).
    """

    __test__ = False

    def __init__(self, *, place: TrustedDirectory, directory_fd: int, fd: int, size_bytes: int, record: Record) -> None:
        self.directory = place.path / record.name
        self.path = self.directory / FILE_NAME
        self.size_bytes = size_bytes
        self.fd = fd
        self._place = place
        self._directory_fd = directory_fd
        self._record = record

    @property
    def target(self) -> str:
        """What a child that inherits `fd` opens: our file, whatever happens to its name."""
        return f"/proc/self/fd/{self.fd}"

    def require_in_place(self) -> None:
        """NotSafeError where `path` does not lead to our file any more."""
        ours = os.fstat(self.fd)
        try:
            found = self.path.lstat()
        except OSError as error:
            raise NotSafeError(f"use {self.path}", [_exchanged(self.path, error.strerror or "gone")]) from error
        if (found.st_dev, found.st_ino) != (ours.st_dev, ours.st_ino):
            raise NotSafeError(f"use {self.path}", [_exchanged(self.path, "it is another file")])

    def remove(self) -> None:
        """Remove the file, the directory and the note about them; a second call does nothing.

        HostError where something is in the directory that we did not make: then it stays, and the note too.
        """
        if self.fd < 0:
            return
        try:
            self._record.remove_area(self._place.fd)
        finally:
            moved = self._empty_if_named()
            for descriptor in (self.fd, self._directory_fd, self._place.fd):
                os.close(descriptor)
            self.fd = -1
            self._record.close()
        if moved:
            raise NotSafeError(f"remove {self.path}", [_exchanged(self.path, "it was moved or linked to; emptied")])

    def _empty_if_named(self) -> bool:
        """Whoever moved our directory away keeps a name for our file, but not its space."""
        if os.fstat(self.fd).st_nlink == 0:
            return False
        os.ftruncate(self.fd, 0)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def make_test_area(
    host: "Host",
    directory: Path,
    size_bytes: int,
    *,
    state_directory: Path,
    expected_mount: Path | None = None,
    largest_bytes: int = LARGEST_BYTES,
) -> TestArea:
    """Make a test file below the existing `directory`.

    `expected_mount` is the mount point that the directory must lie on; None takes the one it lies on now. The state
    directory is the agent's own (host/state_directory.py). NotSafeError, with nothing left behind, where the place is a
    device, no directory, reached by an untrusted link, on another mount, too full, or the size out of bounds;
    HostError where the filesystem refuses.
    """
    if not SMALLEST_BYTES <= size_bytes <= largest_bytes:
        text = f"a test file of {size_bytes} bytes was asked for, allowed are {SMALLEST_BYTES} to {largest_bytes}"
        raise NotSafeError(f"use {directory}", [refuse(Reason.AREA_SIZE, text, remedy="give another size")])
    opened = open_place(host, directory)
    try:
        place = inspect_place(host, opened, expected_mount)
        _require_space(place, size_bytes)
        record = new_record(state_directory, place=opened.path, mount_point=place.mount_point, boot_id=host.boot_id())
    except BaseException:
        os.close(opened.fd)
        raise
    return _make(opened, size_bytes, record)


def _require_space(place: Place, size_bytes: int) -> None:
    if place.free_bytes - size_bytes < place.floor_bytes:
        text = (
            f"{place.directory} has {place.free_bytes} bytes free; a test file of {size_bytes} would leave less than "
            f"the {place.floor_bytes} that stay free"
        )
        raise NotSafeError(
            f"use {place.directory}", [refuse(Reason.AREA_NO_SPACE, text, remedy="give a smaller size, or make space")]
        )


def _make(opened: TrustedDirectory, size_bytes: int, record: Record) -> TestArea:
    directory_fd = fd = -1
    made = False
    try:
        os.mkdir(record.name, 0o700, dir_fd=opened.fd)
        made = True
        directory_fd = os.open(record.name, _DIRECTORY, dir_fd=opened.fd)
        _require_own(directory_fd, opened)
        fd = os.open(FILE_NAME, _CREATE, 0o600, dir_fd=directory_fd)
        record.note_made(os.fstat(directory_fd), os.fstat(fd))
        os.posix_fallocate(fd, 0, size_bytes)
        os.fsync(fd)
        os.fsync(directory_fd)
    except BaseException as error:
        _undo(opened, record, (fd, directory_fd, opened.fd), made=made)
        if isinstance(error, OSError):
            raise HostError(
                f"cannot make a test file of {size_bytes} bytes in {opened.path}: {error.strerror}",
                remedy=f"look at it: df -h {opened.path}; ls -ld {opened.path}",
            ) from error
        raise
    return TestArea(place=opened, directory_fd=directory_fd, fd=fd, size_bytes=size_bytes, record=record)


def _undo(opened: TrustedDirectory, record: Record, descriptors: tuple[int, ...], *, made: bool) -> None:
    try:
        if made:
            record.remove_area(opened.fd)
        else:
            record.forget()
    finally:
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)
        record.close()


def _require_own(descriptor: int, opened: TrustedDirectory) -> None:
    """Just made by us, so anything else than this was put in between."""
    status = os.fstat(descriptor)
    expected = (os.geteuid(), 0o700, os.fstat(opened.fd).st_dev)
    found = (status.st_uid, stat.S_IMODE(status.st_mode) & 0o777, status.st_dev)
    if found != expected:
        raise NotSafeError(f"use {opened.path}", [_exchanged(opened.path, f"owner, mode, device are {found}")])


def _exchanged(path: Path, got: str) -> Refusal:
    return refuse(
        Reason.AREA_NOT_OURS,
        f"{path} was exchanged while it was in use: {got}",
        remedy=f"find out who writes to {path.parent}: ls -la {path.parent}",
    )
