"""Where a test file could lie: which mount a directory is really on, and how much of it may be used.

Rules for space: the filesystem keeps free max(10 %, min(20 GiB, 25 %)) of its size. 20 GiB is what a validator needs to
stay alive for a while; on a filesystem below 80 GiB, where that would soon forbid any test, a quarter is kept instead.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nodeagent.host.datasafety.refusal import NotSafeError, Reason, refuse
from nodeagent.host.datasafety.trusted_path import TrustedDirectory, open_directory
from nodeagent.host.mounts import MOUNTINFO, unescape

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_FLOOR_BYTES = 20 * 1024**3
_KERNEL_FILESYSTEMS = frozenset(
    {"bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "mqueue", "proc", "pstore"}
    | {"securityfs", "sysfs", "tracefs"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a test area would lie: the real directory, the mount it is on, what is free and what must stay free."""

    directory: Path
    mount_point: str
    fstype: str
    free_bytes: int
    floor_bytes: int


def look_at_place(host: "Host", directory: Path, *, expected_mount: Path | None = None) -> Place:
    """Could a test area be made in `directory`? Writes nothing. NotSafeError with the reason where not."""
    opened = open_place(host, directory)
    try:
        return inspect_place(host, opened, expected_mount)
    finally:
        os.close(opened.fd)


def open_place(host: "Host", directory: Path) -> TrustedDirectory:
    """Walk to the directory and open it; the caller closes it. NotSafeError where it can't be used."""
    if not host.is_live:
        text = "a captured tree is no place for a benchmark"
        raise NotSafeError(f"use {directory}", [refuse(Reason.AREA_NOT_A_DIRECTORY, text)])
    return open_directory(directory)


def inspect_place(host: "Host", opened: TrustedDirectory, expected_mount: Path | None) -> Place:
    """Mount and space of an open directory. NotSafeError where it is on another mount than the expected one."""
    mount_point, fstype = mount_of(host, opened.fd)
    if fstype in _KERNEL_FILESYSTEMS:
        text = f"{opened.path} is on {fstype}, which the kernel makes up"
        raise NotSafeError(f"use {opened.path}", [refuse(Reason.AREA_NOT_A_DIRECTORY, text)])
    if expected_mount is not None and mount_point != os.fspath(expected_mount):
        found = mount_point or "an unknown mount"
        text = f"{opened.path} is on the filesystem of {found}, wanted that of {expected_mount}"
        refusal = refuse(Reason.AREA_OTHER_FILESYSTEM, text, remedy=f"findmnt --target {opened.path}; then mount it")
        raise NotSafeError(f"use {opened.path}", [refusal])
    space = os.fstatvfs(opened.fd)
    total = space.f_blocks * space.f_frsize
    return Place(
        directory=opened.path,
        mount_point=mount_point,
        fstype=fstype,
        free_bytes=space.f_bavail * space.f_frsize,
        floor_bytes=floor_bytes(total),
    )


def floor_bytes(total_bytes: int) -> int:
    """What must stay free on a filesystem of this size."""
    return max(total_bytes // 10, min(_FLOOR_BYTES, total_bytes // 4))


def mount_of(host: "Host", descriptor: int) -> tuple[str, str]:
    """Mount point and type of the very mount a descriptor is on: st_dev can't tell bind mounts or subvolumes apart."""
    mount_id = _mount_id(host, descriptor)
    for line in host.read(MOUNTINFO).text.split("\n"):
        fields = line.split(" ")
        if fields[0] == mount_id and len(fields) > 6:
            return unescape(fields[4]), line.partition(" - ")[2].split(" ")[0]
    return "", ""


def _mount_id(host: "Host", descriptor: int) -> str:
    lines = host.read(f"/proc/self/fdinfo/{descriptor}").text.splitlines()
    return next((line.split()[1] for line in lines if line.startswith("mnt_id:")), "")
