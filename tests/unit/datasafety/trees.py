"""A machine with one drive, as files: every use of it that sysfs and procfs show can be added."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from nodeagent.host import Host
from nodeagent.host.datasafety import occupancy
from nodeagent.host.datasafety.identity import current_devices
from nodeagent.host.tree_index import TREE_INDEX
from nodeagent.model.facts import BlockDevice
from tests.fixtures.tree import Tree

ROOT_MOUNT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"


@dataclass(slots=True, kw_only=True)
class Machine:
    """`nvme0n1` is the drive, 259:0, unused; process 1 runs in the only mount namespace."""

    root: Path
    unreadable: dict[str, str] = field(default_factory=dict)

    @classmethod
    def build(cls, root: Path) -> "Machine":
        machine = cls(root=root)
        machine.drive("nvme0n1", "259:0", serial="S1")
        machine.tree.file("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority")
        machine.tree.file("/proc/self/mountinfo", ROOT_MOUNT)
        machine.process(1, ROOT_MOUNT)
        return machine

    @property
    def tree(self) -> Tree:
        return Tree(root=self.root)

    @property
    def host(self) -> Host:
        (self.root / TREE_INDEX).write_text(json.dumps({"unreadable": self.unreadable}))
        return Host(root=self.root)

    def drive(self, name: str, number: str, *, serial: str = "", wwid: str = "", sectors: int = 1000) -> None:
        self.tree.files(f"/sys/block/{name}", {"dev": number, "size": str(sectors), "ro": "0", "removable": "0"})
        self.tree.file(f"/sys/block/{name}/queue/rotational", "0")
        if serial:
            self.tree.file(f"/sys/block/{name}/device/serial", serial)
        if wwid:
            self.tree.file(f"/sys/block/{name}/wwid", wwid)
        self.tree.link(f"/sys/class/block/{name}", f"/sys/block/{name}")

    def partition(self, name: str, number: str) -> None:
        directory = f"/sys/block/nvme0n1/{name}"
        self.tree.files(directory, {"dev": number, "partition": "1", "size": "500", "start": "34"})
        self.tree.link(f"/sys/class/block/{name}", directory)

    def process(self, pid: int, mountinfo: str, *, namespace: str = "mnt:[1]", root: str = "/") -> None:
        self.tree.file(f"/proc/{pid}/mountinfo", mountinfo)
        self.tree.file(f"/proc/{pid}/stat", f"{pid} (a) b) S 1 1 1 0 -1 4194304 0")
        self.tree.directory(f"/proc/{pid}/fd")
        ns = self.root / f"proc/{pid}/ns"
        ns.mkdir(exist_ok=True)
        (ns / "mnt").symlink_to(namespace)
        (self.root / f"proc/{pid}/root").symlink_to(root)

    def device(self, name: str = "nvme0n1") -> BlockDevice:
        return next(device for device in current_devices(self.host) if device.name == name)

    def reasons(self) -> dict[str, str]:
        """Id to text of everything that speaks against the drive; that its content is unknown goes without saying."""
        found = occupancy(self.host, self.device())
        assert not found.free
        return {refusal.id: refusal.reason for refusal in found.refusals}
