"""Several guests on one network, and the certainty that nothing of them stays.

Each lab has a directory of its own below the labs' root, with a lock that its owner holds while it lives. Whoever makes
a lab first sweeps those whose owner is dead: their processes (all that live in the namespace), their namespace, their
files. A lab that a person asked to keep (kept_lab.py) is left alone until its last guest is taken down.
"""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from cherrylab.guests.guest import Guest
from cherrylab.guests.image import Image, ensure_image
from cherrylab.guests.network import LabNetwork
from cherrylab.guests.template import HardwareTemplate
from nodeagent.model.errors import BusyError

KEPT = "kept"
"""A file of this name in its directory says that a lab outlives its owner."""

_PREFIX = "lab-"


def labs_root() -> Path:
    """Where labs live: short, as socket paths are limited to 108 bytes."""
    return Path(os.environ.get("NODEAGENT_LAB_ROOT", "/var/tmp/nodeagent-labs"))  # noqa: S108 - 0700, checked below


@dataclass(slots=True, kw_only=True)
class Lab:
    """A network and its guests; a context manager that leaves nothing behind."""

    directory: Path
    network: LabNetwork
    image: Image
    guests: list[Guest] = field(default_factory=list)
    _lock: IO[str] | None = field(default=None, init=False)

    @classmethod
    def create(cls, *, image: Image | None = None, keep: bool = False) -> Self:
        """Sweep dead labs, then make a new one; HostError where the network can't be made.

        `keep` makes it and its guests outlive this process.
        """
        root = labs_root()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(root)
        image = image or ensure_image()
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        lock = _locked(directory)
        lab = cls(directory=directory, network=network_of(directory), image=image)
        lab._lock = lock
        try:
            if keep:
                (directory / KEPT).touch()
            lab.network.create()
        except BaseException:
            shutil.rmtree(directory)
            raise
        return lab

    @classmethod
    def adopt(cls, directory: Path, *, image: Image) -> Self:
        """Take over a kept lab; BusyError while somebody else makes or removes a guest of it."""
        try:
            lock = _locked(directory)
        except OSError as error:
            raise BusyError(f"somebody else is at work in {directory}", remedy="try again in a moment") from error
        lab = cls(directory=directory, network=network_of(directory), image=image)
        lab._lock = lock
        return lab

    def add(self, template: HardwareTemplate) -> Guest:
        """Make a guest and switch it on; `wait` for it afterwards, so that several boot side by side."""
        guest = self.guest(template, number=max((guest.number for guest in self.guests), default=0) + 1)
        self.guests.append(guest)
        guest.make()
        guest.power_on()
        return guest

    def guest(
        self, template: HardwareTemplate, *, number: int, image: Image | None = None, keep: bool = False
    ) -> Guest:
        """The guest of this number, made or not."""
        return Guest(
            number=number,
            template=template,
            image=image or self.image,
            network=self.network,
            directory=self.directory / f"g{number}",
            keep=keep,
        )

    def discard(self, guest: Guest) -> None:
        """Remove one guest, its files and its taps; the others go on."""
        guest.remove()
        guest.remove_taps()
        shutil.rmtree(guest.directory, ignore_errors=True)
        if guest in self.guests:
            self.guests.remove(guest)

    def release(self) -> None:
        """Let go of a kept lab without ending it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        for guest in self.guests:
            guest.remove()
        _destroy(self.directory, self.network)
        self.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def network_of(directory: Path) -> LabNetwork:
    return LabNetwork(namespace=f"na-{directory.name}")


def sweep(root: Path) -> tuple[str, ...]:
    """Destroy the labs whose owner is dead; returns their names."""
    swept = []
    for directory in sorted(root.glob(f"{_PREFIX}*")):
        if (directory / KEPT).exists():
            continue
        try:
            lock = _locked(directory)
        except OSError:
            continue  # its owner lives, or somebody else sweeps it
        with lock:
            _destroy(directory, network_of(directory))
            swept.append(directory.name)
    return tuple(swept)


def _locked(directory: Path) -> IO[str]:
    """Hold the lock of a lab; OSError where somebody else does."""
    lock = (directory / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock


def _destroy(directory: Path, network: LabNetwork) -> None:
    deadline = time.monotonic() + 10
    while (pids := network.pids()) and time.monotonic() < deadline:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.1)
    network.remove()
    shutil.rmtree(directory, ignore_errors=True)
