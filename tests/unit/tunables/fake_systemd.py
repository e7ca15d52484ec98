"""A systemd made of files: it does to a tree what systemctl and swapon do to a machine.

`systemctl` was watched on directories (tests/host/tune/test_units.py): enable makes the links of [Install], disable
takes all of them, both pass over masked units; mask makes one link and nothing else. Negative priorities of swap
areas are counted down, and those below one that goes move up (tests/host/tunables/test_swap.py).
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from nodeagent.host import Host, changes
from nodeagent.model.change import Change
from nodeagent.model.service_change import SetUnit
from nodeagent.model.swap_change import SetSwap
from nodeagent.model.unit_state import ETC_UNITS
from tests.fixtures.tree import Tree

SLICE = "/sys/fs/cgroup/system.slice"
_HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSystemd:
    """Below `tree`; `host` reads it."""

    tree: Tree

    @classmethod
    def make(cls, root: Path) -> "FakeSystemd":
        tree = Tree(root=root)
        for directory in ("/run/systemd/system", SLICE, ETC_UNITS, "/usr/lib/systemd/system", "/proc/sys/fs"):
            tree.directory(directory)
        fake = cls(tree=tree)
        fake.write_swaps([])
        tree.file("/proc/sys/fs/nr_open", "1048576")
        tree.file("/proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB")
        return fake

    @property
    def host(self) -> Host:
        return Host(root=self.tree.root)

    def files(self) -> dict[str, str]:
        """Every file and link, and what it holds; empty directories left out, as systemctl leaves them or not."""
        found = {}
        for path in sorted(self.tree.root.rglob("*")):
            name = str(path.relative_to(self.tree.root))
            if path.is_symlink():
                found[name] = f"-> {path.readlink()}"
            elif path.is_file():
                found[name] = path.read_text()
        return found

    def perform(self, change: Change) -> None:
        match change:
            case SetUnit():
                for verb in change.verbs():
                    self.systemctl(verb, change.unit)
            case SetSwap():
                self.switch(change)
            case _:
                changes.perform(self.host, change)

    def systemctl(self, verb: str, name: str) -> None:
        unit = self.host.unit(name)
        mask = self._at(f"{ETC_UNITS}/{name}")
        match verb:
            case "start":
                assert not unit.mask
                self.start(name)
            case "stop":
                shutil.rmtree(self._at(f"{SLICE}/{name}"), ignore_errors=True)
                self.tree.made.discard(f"{SLICE}/{name}")
            case "mask":
                assert not mask.exists()
                mask.symlink_to("/dev/null")
            case "unmask":
                mask.unlink()
            case "enable" | "disable" if not unit.mask:
                for link in unit.links:
                    self._at(f"{ETC_UNITS}/{link}").unlink()
                for link in unit.install if verb == "enable" else ():
                    self.link(link, unit.fragment)

    def start(self, name: str) -> None:
        self.tree.file(f"{SLICE}/{name}/cgroup.events", "populated 1\nfrozen 0")
        self.tree.file(f"{SLICE}/{name}/cgroup.procs", "812")

    def link(self, link: str, fragment: str) -> None:
        place = self._at(f"{ETC_UNITS}/{link}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(fragment)

    def switch(self, change: SetSwap) -> None:
        rows = {area.path: area.priority for area in self.host.swaps()}
        if change.after is None:
            gone = rows.pop(change.path)
            rows = {path: prio + 1 if prio < gone < 0 else prio for path, prio in rows.items()}
        else:
            asked = change.after.priority
            rows[change.path] = asked if asked >= 0 else min([-1, *(prio for prio in rows.values() if prio < 0)]) - 1
        self.write_swaps(sorted(rows.items()))

    def write_swaps(self, rows: list[tuple[str, int]]) -> None:
        text = "".join(f"{path} file\t\t4096\t\t0\t\t{priority}\n" for path, priority in rows)
        self.tree.file("/proc/swaps", (_HEAD + text).encode())

    def _at(self, path: str) -> Path:
        return Path(os.fspath(self.tree.root) + path)
