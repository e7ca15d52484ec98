"""Loop devices, mounts and holders of one test, all undone at its end, whatever happened in it."""

import hashlib
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

from nodeagent.host import Host
from nodeagent.host.datasafety.identity import current_devices
from nodeagent.model.facts import BlockDevice
from tests import needs

MIB = 1024 * 1024


class Bench:
    """A private directory and what was set up around it; `close` takes everything down, last first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.images: list[Path] = []
        self.of_the_kernel: dict[Path, range] = {}
        self._stack = ExitStack()
        self._count = 0

    def close(self) -> None:
        try:
            self._stack.close()
        finally:
            self._unmount_rest()

    def undo(self, *argv: str) -> None:
        """Run this at the end; it may find its work done already."""
        self._stack.callback(lambda: subprocess.run([needs.tool(argv[0]), *argv[1:]], capture_output=True, check=False))

    def image(self, size_bytes: int = 16 * MIB) -> Path:
        """A new empty (sparse) file."""
        self._count += 1
        path = self.directory / f"drive{self._count}.img"
        with path.open("wb") as file:
            file.truncate(size_bytes)
        self.images.append(path)
        return path

    def attach(self, backing: Path, *options: str) -> str:
        """A loop device on a file or device; its node."""
        node = run("losetup", "--find", "--show", *options, str(backing)).strip()
        self.undo("losetup", "--detach", node)
        return node

    def folder(self) -> Path:
        self._count += 1
        path = self.directory / f"folder{self._count}"
        path.mkdir()
        return path

    def mount(self, node: str, *options: str, fstype: str = "ext4") -> Path:
        """Mounted so that the mount itself writes nothing."""
        harmless = {"ext4": "ro,noload", "xfs": "ro,norecovery,nouuid", "btrfs": "ro"}[fstype]
        target = self.folder()
        run("mount", "-t", fstype, "-o", ",".join([harmless, *options]), node, str(target))
        self.undo("umount", str(target))
        return target

    def background(self, *argv: str, wait_for: str = "ready") -> "subprocess.Popen[str]":
        """A process that prints `wait_for` when it has what it should hold, and is killed at the end."""
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        self._stack.callback(_end, process)
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line == wait_for, f"{argv[0]} said {line!r}"
        return process

    def _unmount_rest(self) -> None:
        """What a failed test mounted where it was not asked to; only below our own directory."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        targets = [line.split(" ")[4] for line in lines]
        for target in reversed([target for target in targets if target.startswith(f"{self.directory}/")]):
            subprocess.run([needs.tool("umount"), target], capture_output=True, check=False)

    def swap_on(self, node: str, image: Path, *, offset: int = 0) -> None:
        """Swap that the kernel may write to whenever it likes: its pages, no more than 60 KiB, don't count."""
        run("mkswap", node, "64")
        self.of_the_kernel[image] = range(offset + 4096, offset + 64 * 1024)
        run("swapon", node)
        self.undo("swapoff", node)

    def digests(self) -> dict[str, str]:
        return {path.name: digest(path, skip=self.of_the_kernel.get(path, range(0))) for path in self.images}


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def run(*argv: str, text: str = "") -> str:
    """Run a tool of the test, never of the code under test; its output, and its complaint in the failure."""
    done = subprocess.run([needs.tool(argv[0]), *argv[1:]], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def device_at(host: Host, node: str) -> BlockDevice:
    """The facts about a node, read now."""
    return next(device for device in current_devices(host) if device.name == node.removeprefix("/dev/"))


def digest(path: Path, *, skip: range = range(0)) -> str:
    """sha256 of a file as it is on disk, holes read as zeros, without the bytes of `skip`."""
    with path.open("rb") as file:
        if not skip:
            return hashlib.file_digest(file, "sha256").hexdigest()
        rest = hashlib.sha256(file.read(skip.start))
        file.seek(skip.stop)
        rest.update(file.read())
        return rest.hexdigest()


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Write into an image without a loop device, as if it had always stood there."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


class Recorder:
    """Programs put first in PATH that only note that somebody started them."""

    def __init__(self, directory: Path, names: tuple[str, ...]) -> None:
        self.directory = directory
        self.log = directory / "started"
        for name in names:
            program = directory / name
            program.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.log}\n')
            program.chmod(0o755)

    def started(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def search_path(self) -> str:
        return f"{self.directory}{os.pathsep}{os.environ['PATH']}"
