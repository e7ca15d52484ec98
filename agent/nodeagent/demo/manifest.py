"""What a demo has made or was about to make, on disk before it is made.

A directory of its own holds all its files; what lives outside of it (loop devices, network namespaces) stands in the
manifest first. So whoever finds the directory of a demo that was killed can remove everything it made and nothing else.
"""

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Self

from nodeagent.host.state_directory import ensure_state_directory

_TOKEN = re.compile(r"[0-9a-f]{6}")
_UNBORN = ".new-"
_UNBORN_SECONDS = 60.0
_LOCK = "lock"
_MANIFEST = "manifest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The directory of one demo and the lock on it, which the kernel drops with the process that holds it."""

    path: Path
    lock: int

    @classmethod
    def make(cls, base: Path) -> Self:
        """A new directory below `base` (made too, mode 0700), already locked when its name appears."""
        ensure_state_directory(base)
        token = token_hex(3)
        unborn, path = base / f"{_UNBORN}{token}", base / token
        unborn.mkdir(mode=0o700)
        lock = _lock(unborn)
        unborn.rename(path)
        return cls(path=path, lock=lock)

    @classmethod
    def abandoned(cls, base: Path) -> Iterator[Self]:
        """The directories of demos that are no longer running, each locked for whoever cleans up."""
        for path in sorted(path for path in base.glob("*") if _TOKEN.fullmatch(path.name)):
            try:
                yield cls(path=path, lock=_lock(path))
            except (BlockingIOError, FileNotFoundError):
                continue  # a demo under way, or one that ends just now
        for path in base.glob(f"{_UNBORN}*"):
            # Nothing is made outside before it has its final name, so there is nothing but the directory.
            if time.time() - path.stat().st_mtime > _UNBORN_SECONDS:
                shutil.rmtree(path, ignore_errors=True)

    @property
    def token(self) -> str:
        """Short and unique: part of every name outside the directory."""
        return self.path.name

    def note(self, kind: str, name: str) -> None:
        """Write down what is about to be made; on disk when this returns."""
        descriptor = os.open(self.path / _MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, (json.dumps({"kind": kind, "name": name}) + "\n").encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def noted(self, kind: str) -> tuple[str, ...]:
        """The names of a kind, newest first; a line that a crash cut short was followed by nothing."""
        try:
            lines = (self.path / _MANIFEST).read_text().splitlines()
        except FileNotFoundError:
            return ()
        entries = [json.loads(line) for line in lines if line.endswith("}")]
        return tuple(entry["name"] for entry in reversed(entries) if entry["kind"] == kind)

    def release(self) -> None:
        os.close(self.lock)


def _lock(path: Path) -> int:
    descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
