"""A kernel made of a dict: it prints knobs in their own forms and does what the real one was seen to do to their kin.

Measured on 6.18 (docs/tunables/block-queue.md, docs/tunables/sysctl.md): a scheduler brings its own depth and files,
bfq switches write-back throttling off until it goes, one of a coupled pair sets the other to 0, read-ahead is kept in
pages, and what can't be is refused.
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from nodeagent.model.change import Change, KnobForm, WriteCoupled, WriteFile
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import (
    BlockDevice,
    Cpus,
    HostFacts,
    Kernel,
    Memory,
    Platform,
)
from nodeagent.model.host_reader import MountEntry, PathState
from nodeagent.model.reading import Reading, ReadStatus
from nodeagent.tune.kernel.sysctl_rules import COUPLED
from tests.fixtures.bare_host import BareHost

PAGE_KB = 4
SCHEDULERS = ("none", "mq-deadline", "kyber", "bfq")
OWN_FILES = {
    "none": {},
    "mq-deadline": {"read_expire": "500", "async_depth": ""},
    "kyber": {"read_lat_nsec": "2000000"},
    "bfq": {"slice_idle": "8", "slice_idle_us": "8000"},
}
_PAIRS = COUPLED | {other: key for key, other in COUPLED.items()}


class RefusedWriteError(OSError):
    """What write(2) would answer."""


@dataclass(slots=True)
class FakeKernel(BareHost):
    """Implements HostReader. `tags` maps a drive to its hardware depth; `throttling` says who never wrote wbt."""

    files: dict[str, str]
    tags: dict[str, int] = field(default_factory=dict)
    untouched_throttling: dict[str, str] = field(default_factory=dict)

    def read(self, path: str) -> Reading:
        if path not in self.files:
            return Reading(path=path, status=ReadStatus.ABSENT)
        return Reading(path=path, status=ReadStatus.OK, text=self.files[path], writable=True)

    def names(self, directory: str) -> Sequence[str]:
        below = (path[len(directory) + 1 :] for path in self.files if path.startswith(f"{directory}/"))
        return sorted({name.split("/")[0] for name in below})

    def stat(self, path: str) -> PathState:
        return PathState(path=path, kind="file" if path in self.files else "absent")

    def mounts(self) -> Sequence[MountEntry]:
        return ()

    def occupancy(self, device: BlockDevice) -> NoReturn:
        raise NotImplementedError(f"there are no drives of files here, so nobody asks who uses {device.name}")

    def perform(self, change: Change) -> None:
        """Write as host.changes does: member by member, those that go forward."""
        match change:
            case WriteFile():
                self.write(change.path, change.after)
            case WriteCoupled():
                for member in change.members:
                    if member.forward:
                        self.write(member.path, member.after)
            case _:
                raise TypeError(change)

    def state(self, change: Change) -> str:
        """As host.changes.observe reads it back."""
        from nodeagent.model.change import coupled_state

        match change:
            case WriteFile():
                return change.form.parse(self.files[change.path])
            case WriteCoupled():
                return coupled_state({m.path: m.form.parse(self.files.get(m.path, "")) for m in change.members})
            case _:
                raise TypeError(change)

    def write(self, path: str, value: str) -> None:
        if path not in self.files:
            raise RefusedWriteError(errno.ENOENT, path)
        if path.startswith("/proc/sys/"):
            self._write_sysctl(path, value)
        elif path.startswith("/sys/block/"):
            self._write_queue(path, value)
        else:
            self._write_choice(path, value)

    def _write_sysctl(self, path: str, value: str) -> None:
        key = path.removeprefix("/proc/sys/").replace("/", ".")
        other = _PAIRS.get(key)
        if other is not None:
            if key.endswith("bytes") and int(value) < 8192:
                raise RefusedWriteError(errno.EINVAL, path)
            # The handler acts on a change only, so writing the 0 that is there does nothing.
            if value != self.files[path].strip():
                self.files[f"/proc/sys/{other.replace('.', '/')}"] = "0\n"
        self.files[path] = "\t".join(value.split()) + "\n"

    def _write_choice(self, path: str, value: str) -> None:
        """Files that print all words with the chosen one in brackets."""
        old = self.files[path]
        if "[" not in old:
            self.files[path] = f"{value}\n"
            return
        words = old.replace("[", "").replace("]", "").split()
        if value not in words:
            raise RefusedWriteError(errno.EINVAL, path)
        self.files[path] = " ".join(f"[{word}]" if word == value else word for word in words) + "\n"

    def _write_queue(self, path: str, value: str) -> None:
        queue, _, name = path.partition("/queue/")
        drive = queue.rpartition("/")[2]
        match name:
            case "scheduler":
                self._switch(drive, path, value)
            case "nr_requests":
                self._set_depth(drive, path, value)
            case "read_ahead_kb":
                self.files[path] = f"{int(value) // PAGE_KB * PAGE_KB}\n"
            case "wbt_lat_usec":
                self.untouched_throttling.pop(drive, None)
                self.files[path] = f"{value}\n"
            case "iosched/slice_idle":
                self.files[path] = f"{value}\n"
                self.files[f"{path}_us"] = f"{int(value) * 1000}\n"
            case "iosched/slice_idle_us":
                self.files[path] = f"{value}\n"
                self.files[path.removesuffix("_us")] = f"{int(value) // 1000}\n"
            case _:
                self.files[path] = f"{value}\n"

    def _switch(self, drive: str, path: str, value: str) -> None:
        before = KnobForm.SELECTED.parse(self.files[path])
        if value == before:
            return
        self._write_choice(path, value)
        queue = f"/sys/block/{drive}/queue"
        for name in [name for name in self.files if name.startswith(f"{queue}/iosched/")]:
            del self.files[name]
        depth = self.tags[drive] if value == "none" else 2 * min(self.tags[drive], 128)
        self.files[f"{queue}/nr_requests"] = f"{depth}\n"
        for name, default in OWN_FILES[value].items():
            self.files[f"{queue}/iosched/{name}"] = f"{default or depth}\n"
        if drive in self.untouched_throttling and "bfq" in (before, value):
            shown = "0" if value == "bfq" else self.untouched_throttling[drive]
            self.files[f"{queue}/wbt_lat_usec"] = f"{shown}\n"

    def _set_depth(self, drive: str, path: str, value: str) -> None:
        queue = path.rpartition("/")[0]
        scheduler = KnobForm.SELECTED.parse(self.files[f"{queue}/scheduler"])
        depth = max(4, int(value))
        if depth > (self.tags[drive] if scheduler == "none" else 2048):
            raise RefusedWriteError(errno.EINVAL, path)
        if self.files[path] != f"{depth}\n" and scheduler == "mq-deadline":
            self.files[f"{queue}/iosched/async_depth"] = f"{depth}\n"
        self.files[path] = f"{depth}\n"


def facts_of(*devices: BlockDevice, total_bytes: int | None = None) -> HostFacts:
    """A machine with these drives and nothing else to speak of."""
    none = CpuSet()
    return HostFacts(
        cpus=Cpus(online=none, possible=none, isolated=none, packages=None, cores=None, threads_per_core=None),
        numa_nodes=(),
        block_devices=devices,
        nics=(),
        pci_devices=(),
        memory=Memory(total_bytes=total_bytes),
        kernel=Kernel(release="6.18", page_bytes=PAGE_KB * 1024),
        platform=Platform(),
    )
