"""Making a filesystem: the one change without a way back, so everything is looked at again right before it.

mkfs takes a claim of its own, so ours can't be held while it runs. The order: claim the drive, look at it under the
claim (a mount, an mkfs or an assembly by others fails meanwhile), keep the lock that udev respects, give the claim up
and start mkfs at once, on the descriptor that was looked at. mkfs never gets a force flag; mkfs.xfs and mkfs.btrfs
refuse a filesystem that came into being in that instant, mkfs.ext4 without a terminal does not, which is why the look
is ours. Then the drive is probed again: only the type, UUID and label that were asked for count as made.

A crash in between leaves a drive that is neither blank nor ours: `observe` says unknown, and a person decides.
"""

import os
import shlex
from typing import TYPE_CHECKING

from nodeagent.host.changes.observation import Observation
from nodeagent.host.datasafety import Claim, NotSafeError, Reason, claim, find_device, occupancy
from nodeagent.host.process import run
from nodeagent.model.change import MakeFilesystem
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError
from nodeagent.model.facts import BlockDevice
from nodeagent.model.occupancy import Occupancy

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_BASE_SECONDS = 120.0
_BYTES_PER_SECOND = 4 * 1024**3
"""Discarding and zeroing the inode tables of 15 TB takes minutes on a drive that offloads neither."""


def observe(host: "Host", change: MakeFilesystem) -> Observation:
    """`blank`, `TYPE uuid=... label=...`, or `unknown` with the ids of what was found."""
    try:
        device = find_device(host, change.device)
    except NotSafeError as error:
        gone = Reason.NOT_FOUND.value in error.ids
        return Observation(state=_unknown(error.ids), raw=error.message, gone=gone)
    found = occupancy(host, device)
    raw = "; ".join(f"{refusal.id}: {refusal.reason}" for refusal in found.refusals)
    return Observation(state=_state(found), raw=raw, place=_place(host, device))


def perform(host: "Host", change: MakeFilesystem) -> None:
    """Make it. NotSafeError, with nothing written, where the drive isn't proved empty; HostError where mkfs failed."""
    device = find_device(host, change.device)
    with claim(host, device) as held:
        found = occupancy(host, device, claim=held)
        if not found.free:
            raise NotSafeError(f"make {change.fstype} on {device.name}", found.refusals)
        held.release_exclusive()
        completed = run(_command(change, held))
        _sync(held, device)
        _require_made(host, change, device, held, completed)


def _command(change: MakeFilesystem, held: Claim) -> Command:
    """What `change.command()` shows, on the held descriptor instead of the node's name."""
    argv = tuple(shlex.split(change.command())[:-1])
    return Command(
        argv=(*argv, held.lock_path),
        timeout_seconds=_BASE_SECONDS + change.device.size_bytes / _BYTES_PER_SECOND,
        inherit_fds=(held.lock_fd,),
    )


def _sync(held: Claim, device: BlockDevice) -> None:
    try:
        os.fsync(held.lock_fd)
    except OSError as error:
        raise HostError(
            f"what mkfs wrote to {device.name} did not reach the drive: {error.strerror}",
            remedy="see `dmesg` for what the drive says; the filesystem must not be trusted",
        ) from error


def _require_made(host: "Host", change: MakeFilesystem, device: BlockDevice, held: Claim, completed: Completed) -> None:
    state = _state(occupancy(host, device, claim=held))
    if completed.ok and state == change.after_state():
        return
    said = completed.stderr.decode("utf-8", "replace").strip()[-400:] or "no message"
    how = "ran out of time" if completed.timed_out else f"ended with code {completed.exit_code}"
    raise HostError(
        f"{completed.command.argv[0]} on {device.name} {how}; the drive now is: {state}, "
        f"wanted {change.after_state()}; it said: {said}",
        remedy=f"look at it: wipefs --no-act /dev/{device.name}; nothing is tried again by itself",
    )


def _state(found: Occupancy) -> str:
    if found.free:
        return "blank"
    reasons = {refusal.id for refusal in found.refusals}
    undecided = reasons & {Reason.AMBIVALENT.value, Reason.UNFINISHED.value, Reason.PARTITIONED.value}
    if len(found.signatures) == 1 and not undecided:
        signature = found.signatures[0]
        return f"{signature.type} uuid={signature.uuid} label={signature.label}"
    return _unknown(tuple(refusal.id for refusal in found.refusals))


def _unknown(ids: tuple[str, ...]) -> str:
    return " ".join(("unknown", *dict.fromkeys(ids)))


def _place(host: "Host", device: BlockDevice) -> str:
    """Tells the drive from another one that took its name; a sequence number is never given twice in a boot."""
    return host.text(f"/sys/block/{device.name}/diskseq") or host.real(f"/sys/block/{device.name}")
