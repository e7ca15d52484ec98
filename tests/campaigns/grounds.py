"""What the campaigns work on: each shipped tunable with a profile of its own and objects of its own.

Here what all of them share, and the first four; the others are in kernel_grounds.py and tree_grounds.py.

A ground knows how to bring its objects back to the start (`reset`), what they look like to the byte (`snapshot`), and
what a finished apply leaves (`tuned`, learnt by a first run that nobody disturbs).
"""

import ctypes
import fcntl
import json
import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from nodeagent.host import Host
from nodeagent.model.change import Change, Risk
from nodeagent.model.errors import ExitCode
from nodeagent.model.facts import HostFacts
from nodeagent.model.profile import Profile
from nodeagent.profiles import default_search, load_profile
from nodeagent.tune.tunable import AnyTunable
from nodeagent.tune.tunables import SETTINGS_TYPES, TUNABLES

MIB = 1 << 20

Snapshot = dict[str, str]


class Ground(ABC):
    """One tunable on real objects."""

    name: str
    allow: frozenset[Risk] = frozenset({Risk.LIVE})
    reversible = True
    exists_once = True
    """Is there only one of its objects on a machine? Then one campaign at a time has it."""
    share = 0.04
    """Its part of all points: one on a drive takes as long as fifteen on a knob."""
    done: ExitCode = ExitCode.OK
    """How a whole apply ends: DIFFERS where something waits for a boot, or is told and nobody may set it."""
    knobs: tuple[str, ...] = ("/proc/sys/", "/sys/")
    """Below these nothing may be opened for writing once the journal has failed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.stack = ExitStack()
        self.host = Host()

    @abstractmethod
    def profile_text(self) -> str:
        """The `tune:` part of its profile, as YAML."""

    @abstractmethod
    def paths(self) -> tuple[str, ...]:
        """The files whose bytes must come back."""

    def prepare(self) -> None:
        """Make the objects; undone through `self.stack`."""
        return

    def reset(self) -> None:
        """Bring the objects back after a point that left them as they should not be."""
        _put_back(self.original)

    def snapshot(self) -> Snapshot:
        return {path: Path(path).read_text() for path in self.paths()}

    def intended(self, change: Change) -> Iterator[str]:
        """The parts of a snapshot whose originals this change in the journal holds."""
        for member in getattr(change, "members", (change,)):
            path: str = getattr(member, "path", "")
            yield path
            yield str(Path(path).resolve()) if path else ""

    def open(self) -> None:
        self.prepare()
        text = f"schema: 1\nname: campaign\nsummary: campaign\ntune:\n{self.profile_text()}"
        file = self.directory / "campaign.yaml"
        file.write_text(text)
        self.profile: Profile = load_profile(file, settings_types=SETTINGS_TYPES, search=default_search())
        self.tunables: tuple[AnyTunable, ...] = tuple(t for t in TUNABLES if t.name in self.profile.tune)
        self.facts: HostFacts = self.look()
        self.original = self.snapshot()

    def look(self) -> HostFacts:
        """The facts at the start."""
        return self.host.facts(fresh=True)

    def read_facts(self) -> HostFacts:
        """The facts a run sees; those of knobs do not change, and reading them anew would be most of the calls."""
        return self.facts

    def close(self) -> None:
        try:
            self.reset()
        finally:
            self.stack.close()


class SysctlGround(Ground):
    """Network sysctls of a namespace of its own, and the coupled dirty limits of the one kernel there is."""

    name = "sysctl"
    share = 0.11
    _KEYS = ("net.core.somaxconn", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_rmem", "net.ipv4.ip_default_ttl")
    _COUPLED = ("vm.dirty_bytes", "vm.dirty_ratio", "vm.dirty_background_bytes", "vm.dirty_background_ratio")

    def profile_text(self) -> str:
        return (
            "  sysctl:\n"
            "    net.core.somaxconn: '>= 8192'\n"
            "    net.ipv4.tcp_fin_timeout: 17\n"
            "    net.ipv4.tcp_rmem: 4096 131072 33554432\n"
            "    net.ipv4.ip_default_ttl: 99\n"
            "    vm.dirty_bytes: 536870912\n"
            "    vm.dirty_background_bytes: 134217728\n"
        )

    def paths(self) -> tuple[str, ...]:
        return tuple(f"/proc/sys/{key.replace('.', '/')}" for key in (*self._KEYS, *self._COUPLED))


class HugepagesGround(Ground):
    """The kernel's own switches; put back whatever happens."""

    name = "transparent-hugepages"
    share = 0.07

    def profile_text(self) -> str:
        return "  transparent-hugepages:\n    enabled: always\n    defrag: defer\n"

    def paths(self) -> tuple[str, ...]:
        base = "/sys/kernel/mm/transparent_hugepage"
        return (f"{base}/enabled", f"{base}/defrag")


class QueueGround(Ground):
    """The request queue of a loop device."""

    name = "block-queue"
    share = 0.05

    def prepare(self) -> None:
        self.image = self.directory / "queue.img"
        self.node = loop_device(self.stack, self.image, size_bytes=16 * MIB)

    def profile_text(self) -> str:
        return (
            "  block-queue:\n"
            "    - name: campaign\n"
            f"      devices: {{backing_file: '{self.image}', count: 1}}\n"
            "      scheduler: mq-deadline\n"
            "      read_ahead_kb: 512\n"
            "      nr_requests: 64\n"
            "      nomerges: 2\n"
            "      rq_affinity: 2\n"
        )

    def paths(self) -> tuple[str, ...]:
        queue = f"/sys/block/{Path(self.node).name}/queue"
        names = ("scheduler", "nr_requests", "read_ahead_kb", "nomerges", "rq_affinity")
        return tuple(f"{queue}/{name}" for name in names)


class FilesystemGround(Ground):
    """An empty loop device that gets a filesystem and a mount. What mkfs wrote can't come back, so the image is new
    each time and the snapshot is of the mount point."""

    name = "filesystem"
    allow = frozenset({Risk.LIVE, Risk.DESTRUCTIVE})
    reversible = False
    share = 0.01

    def prepare(self) -> None:
        self.image = self.directory / "drive.img"
        self.target = self.directory / "mnt" / "ledger"
        self.target.parent.mkdir()
        self.node = loop_device(self.stack, self.image, size_bytes=16 * MIB)

    def profile_text(self) -> str:
        return (
            "  filesystem:\n"
            f"    - mount_point: {self.target}\n"
            f"      device: {{backing_file: '{self.image}'}}\n"
            "      type: ext4\n"
            "      label: campaign\n"
            "      options: [noatime]\n"
            "      mode: '0750'\n"
            "      make: when-empty\n"
        )

    def read_facts(self) -> HostFacts:
        return self.host.facts(fresh=True)

    def paths(self) -> tuple[str, ...]:
        return ()

    def snapshot(self) -> Snapshot:
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.target) in line]
        return {
            "mounted": "yes" if mounts else "no",
            "options": mounts[0].split()[5] if mounts else "",
            "directory": oct(self.target.stat().st_mode) if self.target.exists() else "absent",
        }

    def content(self) -> str:
        """What blkid sees on the drive: "" while it is blank."""
        command = ["blkid", "-p", "-s", "UUID", "-o", "value", self.node]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def reset(self) -> None:
        subprocess.run(["umount", "-q", str(self.target)], check=False, capture_output=True)
        if self.target.exists():
            self.target.rmdir()
        subprocess.run(["losetup", "--detach", self.node], check=True)
        self.image.unlink()
        self.stack.pop_all()
        self.node = loop_device(self.stack, self.image, size_bytes=16 * MIB)


@contextmanager
def opened(kind: type[Ground], directory: Path) -> Iterator[Ground]:
    """A ground with its objects, taken down at the end."""
    place = directory / kind.name
    place.mkdir()
    with only_campaign() if kind.exists_once else nullcontext(directory / "originals") as note:
        ground = kind(place)
        try:
            ground.open()
            note.write_text(json.dumps({path: text for path, text in ground.original.items() if _exists_once(path)}))
            yield ground
        finally:
            ground.close()
            note.write_text("")
            shutil.rmtree(place)


@contextmanager
def only_campaign() -> Iterator[Path]:
    """Wait for any other campaign on this machine: some settings exist once, and a tuned one is no original.

    The lock's file holds the originals of those settings, so that whoever comes after a killed campaign puts them back.
    """
    lock = Path("/run/lock/nodeagent-campaign.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if noted := lock.read_text():
            _put_back(json.loads(noted))
        yield lock


def _exists_once(path: str) -> bool:
    return path.startswith(("/proc/sys/vm/", "/sys/kernel/mm/", "/sys/devices/system/node/"))


def _put_back(originals: Snapshot) -> None:
    for path, text in originals.items():
        is_shadow = "/vm/dirty" in path and text.strip() == "0"  # reads 0 because its partner is set
        if not is_shadow and Path(path).read_text() != text:
            Path(path).write_text(_chosen(text))


def loop_device(stack: ExitStack, image: Path, *, size_bytes: int) -> str:
    """A loop device on a new sparse file, detached by the stack."""
    with image.open("xb") as file:
        file.truncate(size_bytes)
    command = ["losetup", "--find", "--show", str(image)]
    node = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    stack.callback(subprocess.run, ["losetup", "--detach", node], check=False)
    return node


def _chosen(text: str) -> str:
    words = [word.strip("[]") for word in text.split() if word.startswith("[")]
    return words[0] if words else text


def enter_namespaces() -> None:
    """Network sysctls and mounts of this process are its own from here on (unshare(2)).

    A new mount namespace starts with a copy of every mount, and a copy keeps a loop device of somebody else busy; so
    ours drops those at once, and hears of later unmounts where the machine shares them.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newns, clone_newnet, ms_rec, ms_slave, detach = 0x00020000, 0x40000000, 0x4000, 1 << 19, 2
    if libc.unshare(clone_newns | clone_newnet) or libc.mount(b"none", b"/", None, ms_rec | ms_slave, None):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "unshare")
    for mount in Host().mounts():
        if mount.source.startswith("/dev/loop"):
            libc.umount2(os.fsencode(mount.target), detach)
