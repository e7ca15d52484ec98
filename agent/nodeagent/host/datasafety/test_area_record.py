"""Notes about test files in the state directory, so that what a killed benchmark left is found and removed.

One file a test area, in `benchmarks/`: a line that says where it will be made, before it is made, and a line with its
inodes, after. The note is locked as long as its benchmark lives; the kernel drops the lock with the process, so a
sweep can tell a running benchmark from a dead one. A sweep removes only what the note describes: by name (128 random
bits, known to nobody else before it existed), owner and inode.
"""

import errno
import fcntl
import json
import os
import secrets
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodeagent.host.datasafety.place import mount_of
from nodeagent.host.datasafety.refusal import NotSafeError, Reason, refuse
from nodeagent.host.datasafety.trusted_path import open_directory
from nodeagent.host.state_directory import ensure_state_directory, open_own_file
from nodeagent.model.errors import HostError, NodeagentError, RefusedError

if TYPE_CHECKING:
    from nodeagent.host.host import Host

FILE_NAME = "data"

_PREFIX = "nodeagent-test-"
_SUFFIX = ".json"
_FOLDER = "benchmarks"
_LIMIT_BYTES = 64 * 1024
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep did: directories removed, and those left with the reason (still running ones are not told)."""

    removed: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True, kw_only=True)
class Record:
    """One note, open and locked. `name` is that of the area's directory inside `place`."""

    path: Path
    name: str
    place: Path
    mount_point: str
    boot_id: str
    fd: int
    directory: tuple[int, int] | None = None
    file: tuple[int, int] | None = None

    def note_made(self, directory: os.stat_result, file: os.stat_result) -> None:
        """Device and inode of what was made, durably."""
        self.directory = (directory.st_dev, directory.st_ino)
        self.file = (file.st_dev, file.st_ino)
        _append(self.fd, {"directory": self.directory, "file": self.file})

    def remove_area(self, place_fd: int) -> None:
        """Remove file, directory and note, as far as they exist. HostError where something else is found there."""
        try:
            self._remove_from(place_fd)
            self.forget()
        except OSError as error:
            raise HostError(
                f"cannot remove the test file in {self.place / self.name}: {error.strerror}",
                remedy=f"look what is in it, then remove it: ls -la {self.place / self.name}",
            ) from error

    def forget(self) -> None:
        """Remove the note alone: nothing was made, or nothing is left."""
        self.path.unlink()
        _sync(self.path.parent)

    def close(self) -> None:
        """Let go of the lock."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _remove_from(self, place_fd: int) -> None:
        try:
            directory_fd = os.open(self.name, _DIRECTORY, dir_fd=place_fd)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise self._not_ours("it is no directory any more") from error
            raise
        try:
            self._require_ours(os.fstat(directory_fd), self.directory, "directory")
            try:
                found = os.stat(FILE_NAME, dir_fd=directory_fd, follow_symlinks=False)
            except FileNotFoundError:
                pass
            else:
                self._require_ours(found, self.file, "file")
                os.unlink(FILE_NAME, dir_fd=directory_fd)
        finally:
            os.close(directory_fd)
        os.rmdir(self.name, dir_fd=place_fd)
        os.fsync(place_fd)

    def _require_ours(self, status: os.stat_result, noted: tuple[int, int] | None, kind: str) -> None:
        is_kind = stat.S_ISDIR(status.st_mode) if kind == "directory" else stat.S_ISREG(status.st_mode)
        same = noted is None or noted[1] == status.st_ino
        if not is_kind or status.st_uid != os.geteuid() or not same:
            raise self._not_ours(f"the {kind} is not the one that was made (inode {status.st_ino})")

    def _not_ours(self, got: str) -> NotSafeError:
        path = self.place / self.name
        refusal = refuse(Reason.AREA_NOT_OURS, f"{path}: {got}", remedy=f"look, then remove it by hand: ls -la {path}")
        return NotSafeError("remove a test file", [refusal])


def new_record(state_directory: Path, *, place: Path, mount_point: str, boot_id: str) -> Record:
    """Note, durably, that a test area is about to be made in `place`. NotSafeError where the folder isn't ours."""
    folder = _own_folder(state_directory)
    name = _PREFIX + secrets.token_hex(16)
    path = folder / f"{name}{_SUFFIX}"
    fd = open_own_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)
    record = Record(path=path, name=name, place=place, mount_point=mount_point, boot_id=boot_id, fd=fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink == 0:  # A sweep took the empty note for a dead one's before we held the lock.
            os.close(fd)
            return new_record(state_directory, place=place, mount_point=mount_point, boot_id=boot_id)
        planned = {"name": name, "place": os.fspath(place), "mount_point": mount_point, "boot_id": boot_id}
        _append(fd, {**planned, "pid": os.getpid(), "time": time.time()})
        _sync(folder)
    except BaseException:
        record.close()
        path.unlink(missing_ok=True)
        raise
    return record


def sweep(host: "Host", state_directory: Path) -> Swept:
    """Remove the test areas of benchmarks that are no more. Never raises for what it finds: that is told in `left`."""
    folder = state_directory / _FOLDER
    if not folder.is_symlink() and not folder.exists():
        return Swept()
    removed, left = [], []
    _own_folder(state_directory)
    for path in sorted(folder.iterdir()):
        try:
            if swept := _sweep_one(host, path):
                removed.append(swept)
        except NodeagentError as error:
            left.append((os.fspath(path), error.message))
    return Swept(removed=tuple(removed), left=tuple(left))


def _own_folder(state_directory: Path) -> Path:
    """The folder of the notes, made where it is missing; NotSafeError where it isn't ours alone."""
    try:
        return ensure_state_directory(state_directory / _FOLDER)
    except RefusedError as error:
        refusal = refuse(Reason.AREA_STATE_DIRECTORY, error.message, remedy=error.remedy or "")
        raise NotSafeError("note a test file", [refusal]) from error


def _sweep_one(host: "Host", path: Path) -> str:
    """The directory that was removed; "" where its benchmark still runs or had made nothing yet."""
    record = _open_record(path)
    if record is None:
        return ""
    try:
        if not record.name:
            path.unlink()
            return ""
        place = open_directory(record.place)
        try:
            _require_mounted(host, record, place.fd)
            record.remove_area(place.fd)
        finally:
            os.close(place.fd)
    finally:
        record.close()
    return os.fspath(record.place / record.name)


def _open_record(path: Path) -> Record | None:
    """The note, locked by us; None where a living benchmark holds it."""
    try:
        fd = open_own_file(path, os.O_RDWR)
    except OSError as error:
        raise HostError(f"cannot read the note {path}: {error.strerror}", remedy=f"ls -l {path}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _parse(path, fd)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise


def _parse(path: Path, fd: int) -> Record:
    facts: dict[str, Any] = {}
    try:
        for line in os.pread(fd, _LIMIT_BYTES, 0).decode().splitlines(keepends=True):
            if line.endswith("\n"):  # A line without its end was torn by a crash; what it told is not relied on.
                facts |= json.loads(line)
        if not facts:  # Killed before its first line was whole, hence before anything was made.
            return Record(path=path, name="", place=Path("/"), mount_point="", boot_id="", fd=fd)
        return Record(
            path=path,
            name=_own_name(path, str(facts["name"])),
            place=Path(facts["place"]),
            mount_point=str(facts["mount_point"]),
            boot_id=str(facts["boot_id"]),
            fd=fd,
            directory=_pair(facts.get("directory")),
            file=_pair(facts.get("file")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise HostError(
            f"the note {path} can't be understood: {error!r}", remedy=f"read it, then remove it: cat {path}"
        ) from error


def _own_name(path: Path, name: str) -> str:
    if f"{name}{_SUFFIX}" != path.name or not name.startswith(_PREFIX):
        raise ValueError(f"it speaks of {name!r}")
    return name


def _pair(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    device, inode = value
    return int(device), int(inode)


def _require_mounted(host: "Host", record: Record, place_fd: int) -> None:
    """What lies on a filesystem that isn't mounted now is not gone: keep the note until it is back."""
    mount_point, _ = mount_of(host, place_fd)
    if mount_point != record.mount_point:
        raise HostError(
            f"{record.place} is on {mount_point or 'an unknown mount'} now, was on {record.mount_point}",
            remedy=f"mount it, or remove the note {record.path}",
        )


def _append(fd: int, facts: dict[str, Any]) -> None:
    line = (json.dumps(facts) + "\n").encode()
    if os.write(fd, line) != len(line):
        raise HostError("cannot note a test file in the state directory: a short write", remedy="df -h")
    os.fsync(fd)


def _sync(directory: Path) -> None:
    fd = os.open(directory, _DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
