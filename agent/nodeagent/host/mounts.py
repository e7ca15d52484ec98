"""What is mounted where: /proc/self/mountinfo (proc_pid_mountinfo(5)), with the UUID of each mounted filesystem.

Device names move between boots and a btrfs has an anonymous device number, so a mount is told by the UUID of its
filesystem where one can be learnt: from the links in /dev/disk/by-uuid, from udev's own records, from btrfs in sysfs.
"""

import re
from typing import TYPE_CHECKING

from nodeagent.model.host_reader import MountEntry

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_ESCAPE = re.compile(r"\\([0-7]{3})")


def read_mounts(host: "Host") -> tuple[MountEntry, ...]:
    """Every mount of our namespace in the kernel's order; empty where mountinfo can't be read."""
    lines = host.read("/proc/self/mountinfo").text.splitlines()
    uuids: dict[str, str] = {}
    return tuple(entry for line in lines if (entry := parse_line(host, line, uuids)))


def parse_line(host: "Host", line: str, uuids: dict[str, str]) -> MountEntry | None:
    """One line; None for one that isn't of mountinfo's form. `uuids` remembers those looked up before."""
    own, separator, rest = line.partition(" - ")
    fields = own.split(" ")
    after = rest.split(" ")
    if not separator or len(fields) < 6 or len(after) < 3:
        return None
    major_minor, fstype, source = fields[2], after[0], unescape(after[1])
    if major_minor not in uuids:
        uuids[major_minor] = _filesystem_uuid(host, major_minor, source)
    return MountEntry(
        target=unescape(fields[4]),
        source=source,
        fstype=fstype,
        major_minor=major_minor,
        root=unescape(fields[3]),
        options=frozenset(unescape(option) for option in f"{fields[5]},{after[2]}".split(",") if option),
        uuid=uuids[major_minor],
    )


def unescape(text: str) -> str:
    r"""Undo the octal escapes of the kernel (`\040` is a blank); bytes stay bytes under surrogateescape."""
    if "\\" not in text:
        return text
    raw = text.encode("utf-8", "surrogateescape")
    plain = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8) & 0xFF]), raw)
    return plain.decode("utf-8", "surrogateescape")


def _filesystem_uuid(host: "Host", major_minor: str, source: str) -> str:
    if not source.startswith("/dev/"):
        return ""
    name = host.real(source).rpartition("/")[2] or source.rpartition("/")[2]
    for uuid in host.names("/dev/disk/by-uuid"):
        if host.link(f"/dev/disk/by-uuid/{uuid}").rpartition("/")[2] == name:
            return unescape_udev(uuid)
    return ""


def unescape_udev(name: str) -> str:
    r"""Undo udev's escapes in link names (`\x20` is a blank)."""
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), name)
