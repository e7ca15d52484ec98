"""Several guests on one network, and the certainty that nothing of them stays.

Each lab has a directory of its own below the labs' root, with a lock that its owner holds while it lives. Whoever makes
a lab first sweeps those whose owner is dead: their processes (all that live in the namespace), their namespace, their
files. A lab that a person asked to keep is left alone until `down`.
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

_KEPT = "kept"
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
    def create(cls) -> Self:
        """Sweep dead labs, then make a new one; HostError where the network can't be made."""
        root = labs_root()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(root)
        image = ensure_image()
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        lock = _locked(directory)
        lab = cls(directory=directory, network=LabNetwork(namespace=f"na-{directory.name}"), image=image)
        lab._lock = lock
        try:
            lab.network.create()
        except BaseException:
            shutil.rmtree(directory)
            raise
        return lab

    def add(self, template: HardwareTemplate) -> Guest:
        """Make a guest and switch it on; `wait` for it afterwards, so that several boot side by side."""
        number = len(self.guests) + 1
        guest = Guest(
            number=number,
            template=template,
            image=self.image,
            network=self.network,
            directory=self.directory / f"g{number}",
        )
        self.guests.append(guest)
        guest.make()
        guest.power_on()
        return guest

    def remove(self) -> None:
        for guest in self.guests:
            guest.remove()
        _destroy(self.directory, self.network)
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def sweep(root: Path) -> tuple[str, ...]:
    """Destroy the labs whose owner is dead; returns their names."""
    swept = []
    for directory in sorted(root.glob(f"{_PREFIX}*")):
        if (directory / _KEPT).exists():
            continue
        try:
            lock = _locked(directory)
        except OSError:
            continue  # its owner lives, or somebody else sweeps it
        with lock:
            _destroy(directory, LabNetwork(namespace=f"na-{directory.name}"))
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
