"""A directory for one run of a program, and the certainty that it will be gone.

The directory carries a lock that the kernel drops with our last breath, and the processes of the run carry its name in
their environment. So whoever starts next can tell a run that is under way from one whose owner was killed, end what
still runs of the latter, and remove the rest. Two runs never share a name.
"""

import fcntl
import os
import shutil
import signal
import stat
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from nodeagent.host.process_family import marked_processes, send_signal
from nodeagent.model.errors import HostError

MARK_VARIABLE = "NODEAGENT_RUN"

_PREFIX = "run-"
_UNBORN = ".new-"
_LOCK = "lock"
_UNBORN_SECONDS = 60.0
_KILL_WAIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """`path` is empty but for the lock; give `environment` to every command of the run."""

    path: Path
    mark: str

    @property
    def environment(self) -> tuple[tuple[str, str], ...]:
        return ((MARK_VARIABLE, self.mark),)

    def size_bytes(self) -> int:
        """What its files hold together; what goes meanwhile counts nothing."""
        return sum(_size(path) for path in _children(self.path))

    def read(self, path: Path, *, limit_bytes: int) -> str | None:
        """A file of the workspace as text, odd bytes replaced; None where there is none.

        HostError when it is larger than the limit or no plain file: a part of an output is no output.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(f"cannot read {path}: {error.strerror}") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise HostError(f"cannot read {path}: not a plain file")
        with os.fdopen(descriptor, "rb") as stream:
            data = stream.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise HostError(f"{path.name}: more than {limit_bytes} bytes; no tool writes that much about one run")
        return data.decode("utf-8", "replace")


@contextmanager
def workspace(base: Path) -> Iterator[Workspace]:
    """Make a workspace below `base` (made too, mode 0700); it is removed when the block is left.

    HostError where it cannot be made.
    """
    name = uuid.uuid4().hex
    path = base / f"{_PREFIX}{name}"
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        unborn = base / f"{_UNBORN}{name}"
        unborn.mkdir(mode=0o700)
        lock = os.open(unborn / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HostError(f"cannot make a workspace below {base}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Only a locked directory gets the name that a sweep looks for.
        unborn.rename(path)
        yield Workspace(path=path, mark=name)
    finally:
        for leftover in (path, unborn):
            shutil.rmtree(leftover, ignore_errors=True)
        os.close(lock)


@contextmanager
def scratch_workspace(base: Path | None = None) -> Iterator[Workspace]:
    """A workspace for a try of a few kilobytes; without a `base`, below the system's directory for temporary files.

    What a kill leaves below a `base` is found by `sweep_workspaces`; in the system's directory it stays.
    """
    place = (
        tempfile.TemporaryDirectory(prefix="nodeagent-", ignore_cleanup_errors=True)
        if base is None
        else nullcontext(base)
    )
    with place as directory, workspace(Path(directory)) as made:
        yield made


def sweep_workspaces(base: Path) -> tuple[str, ...]:
    """Clear away what killed runs left below `base`; says what was found, one line each."""
    said: list[str] = []
    for path in _children(base):
        if path.name.startswith(_UNBORN) and _age_seconds(path) > _UNBORN_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith(_PREFIX) and not path.is_symlink():
            said += _sweep_one(path)
    return tuple(said)


def _sweep_one(path: Path) -> list[str]:
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        # Its owner removes it right now, or died while doing so: nothing of it runs any more.
        shutil.rmtree(path, ignore_errors=True)
        return []
    except OSError as error:
        return [f"left {path}: {error.strerror}"]
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ended = _end_marked(path.name.removeprefix(_PREFIX))
        shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:
        return []
    finally:
        os.close(lock)
    return [f"removed {path} of a killed run, ended {ended} of its processes"]


def _end_marked(mark: str) -> int:
    seen: set[tuple[int, int]] = set()
    deadline = time.monotonic() + _KILL_WAIT_SECONDS
    while (found := marked_processes(MARK_VARIABLE, mark)) and time.monotonic() < deadline:
        for entry in found:
            send_signal(entry, signal.SIGKILL)
        seen |= {entry.key for entry in found}
        time.sleep(0.01)
    return len(seen)


def _children(base: Path) -> Sequence[Path]:
    try:
        return sorted(base.iterdir())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise HostError(f"cannot look for leftovers below {base}: {error.strerror}") from error


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
