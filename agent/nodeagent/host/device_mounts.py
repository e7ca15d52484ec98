"""Where a drive is mounted: itself, its partitions, and whatever stands on them (device mapper, MD, bcache).

Mounts are matched by device number; a btrfs shows an anonymous number (major 0), so it is matched by its source, and
stands on every member that sysfs names. Source: Documentation/filesystems/proc.rst, 3.5; fs/btrfs/sysfs.c.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nodeagent.host.host import Host
from nodeagent.host.mounts import btrfs_members, device_name, read_mounts
from nodeagent.model.block_device import Mounted
from nodeagent.model.host_reader import MountEntry

_DEPTH_LIMIT = 16  # device mapper stacks are a few deep; a loop would be a broken tree


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMounts:
    """Mounts by device number and, for filesystems with an anonymous one, by device name."""

    host: Host
    by_number: dict[str, list[Mounted]] = field(default_factory=dict)
    by_name: dict[str, list[Mounted]] = field(default_factory=dict)

    @classmethod
    def read(cls, host: Host) -> "DeviceMounts":
        mounts = cls(host=host)
        members = btrfs_members(host)
        for entry in read_mounts(host, with_uuids=False):
            mounts._add(entry, members)
        return mounts

    def on(self, disk: str, partitions: Sequence[str]) -> tuple[Mounted, ...]:
        """Every mount of the drive, in the order in which they were made."""
        found: dict[Mounted, None] = {}
        if self.by_number or self.by_name:
            for name, directory in self._volumes(disk, partitions):
                number = self.host.text(f"{directory}/dev") or ""
                found.update(dict.fromkeys([*self.by_number.get(number, ()), *self.by_name.get(name, ())]))
        return tuple(found)

    def _add(self, entry: MountEntry, members: dict[str, tuple[str, ...]]) -> None:
        mounted = Mounted(target=entry.target, fstype=entry.fstype, options=entry.options, root=entry.root)
        if not entry.major_minor.startswith("0:"):
            self.by_number.setdefault(entry.major_minor, []).append(mounted)
        elif name := device_name(self.host, entry.source):
            together = next((names for names in members.values() if name in names), (name,))
            for member in together:
                self.by_name.setdefault(member, []).append(mounted)

    def _volumes(self, disk: str, partitions: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Names and sysfs directories of the drive, its partitions and all that is built on either."""
        directory = f"/sys/block/{disk}"
        waiting = [(disk, directory, 0), *((name, f"{directory}/{name}", 0) for name in partitions)]
        seen: set[str] = set()
        while waiting:
            name, directory, depth = waiting.pop(0)
            if name in seen or depth > _DEPTH_LIMIT:
                continue
            seen.add(name)
            yield name, directory
            holders = self.host.names(f"{directory}/holders")
            waiting.extend((holder, f"/sys/block/{holder}", depth + 1) for holder in holders)
