"""What is mounted where: /proc/self/mountinfo (proc_pid_mountinfo(5)), with the UUID of each mounted filesystem.

Device names move between boots and a btrfs has an anonymous device number, so a mount is told by the UUID of its
filesystem where one can be learnt: from the links in /dev/disk/by-uuid, from udev's own records, from btrfs in sysfs,
or, where no udev runs, from the superblock itself.
"""

import re
from dataclasses import dataclass, field

from nodeagent.host.host import Host
from nodeagent.host.superblock import superblock_uuid
from nodeagent.model.host_reader import MountEntry

MOUNTINFO = "/proc/self/mountinfo"
_BY_UUID = "/dev/disk/by-uuid"


def read_mounts(host: Host, *, with_uuids: bool = True) -> tuple[MountEntry, ...]:
    """Every mount of our namespace in the kernel's order; empty where mountinfo can't be read."""
    uuids = _Uuids(host=host) if with_uuids else None
    lines = host.read(MOUNTINFO).text.split("\n")
    return tuple(entry for line in lines if (entry := _entry(line, uuids)))


def mount_targets(host: Host) -> frozenset[str]:
    """Only where something is mounted: cheap enough for a stat."""
    lines = (line.split(" ", 5) for line in host.read(MOUNTINFO).text.split("\n"))
    return frozenset(unescape(fields[4]) for fields in lines if len(fields) > 5)


def device_name(host: Host, source: str) -> str:
    """The kernel's name of a mount source (`/dev/mapper/vg-lv` is `dm-0`); "" for what is no device."""
    if not source.startswith("/dev/"):
        return ""
    return (host.real(source) or source).rpartition("/")[2]


def unescape(text: str) -> str:
    r"""Undo the octal escapes of the kernel (`\040` is a blank); bytes stay bytes under surrogateescape."""
    if "\\" not in text:
        return text
    raw = text.encode("utf-8", "surrogateescape")
    plain = re.sub(rb"\\([0-3][0-7]{2})", lambda match: bytes([int(match[1], 8)]), raw)
    return plain.decode("utf-8", "surrogateescape")


def escape(text: str) -> str:
    """As the kernel writes a field of mountinfo (mangle() in fs/proc_namespace.c)."""
    return re.sub(r"[ \t\n\\#]", lambda match: f"\\{ord(match[0]):03o}", text)


def _entry(line: str, uuids: "_Uuids | None") -> MountEntry | None:
    own, separator, rest = line.partition(" - ")
    fields = own.split(" ")
    after = rest.split(" ")
    if not separator or len(fields) < 6 or len(after) < 3:
        return None
    source = unescape(after[1])
    return MountEntry(
        target=unescape(fields[4]),
        source=source,
        fstype=after[0],
        major_minor=fields[2],
        root=unescape(fields[3]),
        options=frozenset(unescape(option) for option in f"{fields[5]},{after[2]}".split(",") if option),
        uuid=uuids.of(source, fstype=after[0]) if uuids else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Uuids:
    """UUIDs by mount source, each looked up once for one reading of mountinfo."""

    host: Host
    found: dict[str, str] = field(default_factory=dict)
    linked: dict[str, str] = field(default_factory=dict)

    def of(self, source: str, *, fstype: str) -> str:
        if source not in self.found:
            name = device_name(self.host, source)
            self.found[source] = self._look_up(name, fstype=fstype) if name else ""
        return self.found[source]

    def _look_up(self, name: str, *, fstype: str) -> str:
        return (
            self._from_links(name)
            or self._from_udev(name)
            or (self._from_btrfs(name) if fstype == "btrfs" else "")
            or superblock_uuid(self.host, name, fstype=fstype)
        )

    def _from_links(self, name: str) -> str:
        if not self.linked:
            links = self.host.names(_BY_UUID)
            targets = {self.host.link(f"{_BY_UUID}/{link}").rpartition("/")[2]: unescape_udev(link) for link in links}
            self.linked.update(targets, **{"": ""})
        return self.linked.get(name, "")

    def _from_udev(self, name: str) -> str:
        number = self.host.text(f"/sys/class/block/{name}/dev")
        return udev_properties(self.host, number).get("ID_FS_UUID", "") if number else ""

    def _from_btrfs(self, name: str) -> str:
        return next((uuid for uuid, members in btrfs_members(self.host).items() if name in members), "")


def btrfs_members(host: Host) -> dict[str, tuple[str, ...]]:
    """Names of the devices of each mounted btrfs, by its UUID (fs/btrfs/sysfs.c)."""
    uuids = (name for name in host.names("/sys/fs/btrfs") if len(name) == 36)
    return {uuid: host.names(f"/sys/fs/btrfs/{uuid}/devices") for uuid in uuids}


def udev_properties(host: Host, major_minor: str) -> dict[str, str]:
    """What udev recorded about a block device; empty where no udev runs (its database is private but stable text)."""
    lines = host.read(f"/run/udev/data/b{major_minor}").text.split("\n")
    pairs = (line[2:].partition("=") for line in lines if line.startswith("E:"))
    return {key: value for key, _, value in pairs}


def unescape_udev(name: str) -> str:
    r"""Undo udev's escapes in link names (`\x20` is a blank)."""
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), name)
