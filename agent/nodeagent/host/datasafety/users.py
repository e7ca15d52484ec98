"""Who uses a drive, by everything the kernel tells: each answer is a refusal, and so is each question without one.

Partitions, device-mapper, RAID, bcache and multipath (holders), swap, mounts in every namespace, members of a mounted
btrfs, loop devices stacked on the drive or sharing its backing file, programs that have the node open, an NVMe target
that exports it. What only an exclusive open sees (an imported ZFS pool, a namespace without processes) is left to
exclusive.py. The matrix of which check sees what stands in docs/data-safety.md, with the tests that measured it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nodeagent.host.datasafety.family import Family, number_behind
from nodeagent.host.datasafety.loop_devices import survey_loops
from nodeagent.host.datasafety.namespaces import survey_mounts
from nodeagent.host.datasafety.open_files import survey_writers
from nodeagent.host.datasafety.own_array import array_refusals, is_array_name
from nodeagent.host.datasafety.refusal import Reason, refuse
from nodeagent.host.mounts import unescape
from nodeagent.model.occupancy import Refusal

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_WRONG_KIND = re.compile(r"(zram|ram|sr|fd|dm-|md|nbd|mtdblock|bcache|drbd|rbd|zd)\d")
_NVMET = "/sys/kernel/config/nvmet/subsystems"
_SHOWN = 4


def kind_refusals(host: "Host", family: Family) -> list[Refusal]:
    """What the drive is: read-only, removable, of no size, or no drive at all (zram, dm, CD, an array of others)."""
    directory = f"/sys/block/{family.drive}"
    refusals = []
    if is_array_name(family.drive):
        refusals += array_refusals(host, family.drive)
    elif _WRONG_KIND.match(family.drive):
        refusals.append(
            refuse(
                Reason.WRONG_KIND,
                f"{family.drive} is not a drive of its own (memory, optical, network or stacked device)",
                remedy="name the drive below it by serial or wwn",
            )
        )
    size, read_only, removable = (host.text(f"{directory}/{name}") for name in ("size", "ro", "removable"))
    if size is None or not size.isdecimal() or int(size) == 0:
        refusals.append(refuse(Reason.NO_SIZE, f"{directory}/size says {size!r}, wanted a number above 0"))
    if read_only != "0":
        refusals.append(refuse(Reason.READ_ONLY, f"{directory}/ro says {read_only!r}, wanted '0'"))
    if removable != "0":
        refusals.append(
            refuse(
                Reason.REMOVABLE,
                f"{directory}/removable says {removable!r}, wanted '0'",
                remedy="removable drives are never formatted here; make the filesystem by hand",
            )
        )
    return refusals


def use_refusals(host: "Host", family: Family) -> list[Refusal]:
    """Every use of the drive or one of its partitions that the kernel tells of, and every one that it hides."""
    return [
        *_partitions(host, family),
        *_stacks(host, family),
        *_swaps(host, family),
        *_btrfs(host, family),
        *_loops(host, family),
        *_exports(host, family),
        *_mounts_and_writers(host, family),
    ]


def _partitions(host: "Host", family: Family) -> Iterator[Refusal]:
    if family.partitions:
        shown = _listing(family.partitions)
        yield refuse(
            Reason.PARTITIONED,
            f"{family.drive} has partitions: {shown}",
            remedy=f"look at them with: lsblk -f /dev/{family.drive}",
        )


def _stacks(host: "Host", family: Family) -> Iterator[Refusal]:
    for name in family.numbers:
        directory = f"/sys/class/block/{name}" if name != family.drive else f"/sys/block/{name}"
        if holders := host.names(f"{directory}/holders"):
            shown = _listing(_described(host, holder) for holder in holders)
            yield refuse(
                Reason.HELD,
                f"{name} is part of {shown}",
                remedy=f"see what is built on it: lsblk /dev/{family.drive}",
            )
        slaves = host.names(f"{directory}/slaves")
        if slaves and not (is_array_name(name) and not array_refusals(host, name)):
            yield refuse(Reason.STACKED, f"{name} is built on {_listing(slaves)}", remedy="name the drive below it")


def _described(host: "Host", holder: str) -> str:
    name = host.text(f"/sys/block/{holder}/dm/name") or host.text(f"/sys/block/{holder}/md/level") or ""
    uuid = host.text(f"/sys/block/{holder}/dm/uuid") or ""
    kind = "multipath " if uuid.startswith("mpath-") else ""
    return f"{kind}{holder} ({name})" if name else f"{kind}{holder}"


def _swaps(host: "Host", family: Family) -> Iterator[Refusal]:
    reading = host.read("/proc/swaps")
    if reading.problem:
        yield refuse(Reason.USERS_UNKNOWN, f"/proc/swaps can't be read ({reading.problem})", remedy="run as root")
    for line in reading.text.splitlines()[1:]:
        path = unescape(line.split(" ")[0].split("\t")[0])
        name = family.name_of(number_behind(host, path)) or _family_name(family, path)
        if name:
            yield refuse(Reason.SWAP, f"{name} is active swap ({path} in /proc/swaps)", remedy=f"swapoff {path}")


def _family_name(family: Family, path: str) -> str:
    """By name where the node itself is gone (`/dev/sda1\\040(deleted)`)."""
    name = path.removesuffix(" (deleted)").removeprefix("/dev/").replace("/", "!")
    return name if name in family.numbers else ""


def _btrfs(host: "Host", family: Family) -> Iterator[Refusal]:
    for uuid in host.names("/sys/fs/btrfs"):
        for name in host.names(f"/sys/fs/btrfs/{uuid}/devices"):
            if name in family.numbers:
                yield refuse(
                    Reason.BTRFS_MEMBER,
                    f"{name} is a device of the mounted btrfs {uuid}",
                    remedy=f"btrfs filesystem show {uuid}",
                )


def _loops(host: "Host", family: Family) -> Iterator[Refusal]:
    loops = survey_loops(host, family)
    for loop in loops.uses:
        yield refuse(
            Reason.LOOP,
            f"{loop.name} {loop.relation} {family.drive} (backing file {loop.backing_file})",
            remedy=f"losetup --detach /dev/{loop.name}, if nobody needs it",
        )
    if loops.unread:
        shown = _listing(f"{name} ({problem})" for name, problem in loops.unread)
        yield refuse(
            Reason.USERS_UNKNOWN,
            f"can't see what these loop devices write to: {shown}",
            remedy="run as root, with access to /dev/loop*",
        )


def _exports(host: "Host", family: Family) -> Iterator[Refusal]:
    for subsystem in host.names(_NVMET):
        for namespace in host.names(f"{_NVMET}/{subsystem}/namespaces"):
            directory = f"{_NVMET}/{subsystem}/namespaces/{namespace}"
            path = host.text(f"{directory}/device_path") or ""
            if family.name_of(number_behind(host, path)) or _family_name(family, path):
                yield refuse(Reason.EXPORTED, f"{path} is exported as NVMe namespace {namespace} of {subsystem}")


def _mounts_and_writers(host: "Host", family: Family) -> Iterator[Refusal]:
    mounts = survey_mounts(host, family)
    own = [use for use in mounts.uses if use.pid is None]
    others = [use for use in mounts.uses if use.pid is not None]
    if own:
        shown = _listing(f"{use.member} on {use.target} ({use.fstype})" for use in own)
        yield refuse(Reason.MOUNTED, f"mounted: {shown}", remedy=f"findmnt --source /dev/{own[0].member}")
    if others:
        shown = _listing(f"{use.member} on {use.target} ({use.fstype}), seen by process {use.pid}" for use in others)
        yield refuse(
            Reason.MOUNTED_ELSEWHERE,
            f"mounted in another namespace: {shown}",
            remedy=f"nsenter --target {others[0].pid} --mount findmnt",
        )
    writers = survey_writers(host, family)
    if writers.holders:
        yield refuse(Reason.OPEN, f"open for writing: {_listing(str(holder) for holder in writers.holders)}")
    if unread := dict(mounts.unread) | dict(writers.unread):
        shown = _listing(f"{pid} ({problem})" for pid, problem in unread.items())
        yield refuse(
            Reason.USERS_UNKNOWN,
            f"can't see what these processes have mounted or open: {shown}",
            remedy="run as root, in the initial namespaces of the machine",
        )


def _listing(items: Iterable[str]) -> str:
    listed = list(items)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
