"""Making an array of drives: every drive is proved blank under a claim, and the claims go to mdadm as late as they can.

mdadm opens each drive exclusively itself, so ours can't be held while it runs. The order: claim all, look at all under
their claims, give all claims up together, keep the locks that udev respects, start mdadm at once on the descriptors
that were looked at. Who does not respect the locks can get in between, for as long as a program takes to start. mdadm
fails on a drive that is in use then; where it finds a filesystem, a partition table or a superblock, it asks: it gets
no `--run`, which would be a yes, and nobody answers, which it takes for a no. Then everything is read again: only an
array that runs, with our UUID in each member's superblock, counts as made.

A crash in between leaves superblocks with our UUID. On all drives: the array is only stopped, and the next plan starts
it. On some: `unfinished`, told and left to a person; none is ever erased here.
"""

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from nodeagent.host.changes.observation import Observation
from nodeagent.host.datasafety import Claim, NotSafeError, Reason, claim, find_device, occupancy
from nodeagent.host.datasafety.own_array import array_refusals, running_state
from nodeagent.host.process import run
from nodeagent.host.raid import ARRAY_NAME
from nodeagent.model.array_change import MakeArray, MembersState, members_state
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError
from nodeagent.model.facts import BlockDevice
from nodeagent.model.occupancy import Occupancy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nodeagent.host.host import Host

_TIMEOUT_SECONDS = 300.0
"""mdadm waits for udev to make the link of the array, 90 s where no udev runs."""


def observe(host: "Host", change: MakeArray) -> Observation:
    """`blank`, `stopped`, `raid0 uuid=... devices=... chunk_bytes=...`, or `unknown` with the ids of what was found."""
    try:
        devices = [find_device(host, member) for member in change.members]
    except NotSafeError as error:
        return Observation(state=_unknown(error.ids), raw=error.message, gone=Reason.NOT_FOUND.value in error.ids)
    looks = [] if _array_of(host, devices) else [occupancy(host, device) for device in devices]
    raw = "; ".join(f"{refusal.id}: {refusal.reason}" for look in looks for refusal in look.refusals)
    return Observation(state=_state(host, change, devices, looks), raw=raw, place=_place(host, devices))


def perform(host: "Host", change: MakeArray) -> None:
    """Make or start it. NotSafeError, and nothing written, unless all drives are as planned; HostError if it failed."""
    devices = [find_device(host, member) for member in change.members]
    with ExitStack() as stack:
        claims = [stack.enter_context(claim(host, device)) for device in devices]
        looks = [occupancy(host, device, claim=held) for device, held in zip(devices, claims, strict=True)]
        if (found := members_state(looks, uuid=change.uuid)) is not change.before:
            refusals = [refusal for look in looks for refusal in look.refusals]
            raise NotSafeError(f"{change.key}: the drives are {found}, wanted {change.before}", refusals)
        for held in claims:
            held.release_exclusive()
        completed = run(_command(change, claims))
        _sync(claims)
        _require_made(host, change, devices, completed)


def _command(change: MakeArray, claims: "Sequence[Claim]") -> Command:
    """What `change.command()` shows, on the held descriptors instead of the nodes' names."""
    return Command(
        argv=(*change.arguments(), *(held.lock_path for held in claims)),
        timeout_seconds=_TIMEOUT_SECONDS,
        inherit_fds=tuple(held.lock_fd for held in claims),
    )


def _sync(claims: "Sequence[Claim]") -> None:
    for held in claims:
        try:
            os.fsync(held.lock_fd)
        except OSError as error:
            raise HostError(
                f"what mdadm wrote to {held.device.name} did not reach the drive: {error.strerror}",
                remedy="see `dmesg` for what the drive says; the array must not be trusted",
            ) from error


def _require_made(host: "Host", change: MakeArray, devices: "Sequence[BlockDevice]", completed: Completed) -> None:
    looks = [] if _array_of(host, devices) else [occupancy(host, device) for device in devices]
    state = _state(host, change, devices, looks)
    if completed.ok and state == change.after_state():
        return
    said = completed.stderr.decode("utf-8", "replace").strip()[-400:] or "no message"
    how = "ran out of time" if completed.timed_out else f"ended with code {completed.exit_code}"
    names = ", ".join(device.name for device in devices)
    raise HostError(
        f"mdadm on {names} {how}; the drives now are: {state}, wanted {change.after_state()}; it said: {said}",
        remedy=f"look at them: mdadm --examine /dev/{devices[0].name}; nothing is tried again by itself",
    )


def _array_of(host: "Host", devices: "Sequence[BlockDevice]") -> str:
    """The one array that all these drives belong to; "" where there is none."""
    holders = [frozenset(host.names(f"/sys/block/{device.name}/holders")) for device in devices]
    arrays = [name for name in sorted(frozenset.intersection(*holders)) if ARRAY_NAME.fullmatch(name)]
    return arrays[0] if len(arrays) == 1 else ""


def _state(host: "Host", change: MakeArray, devices: "Sequence[BlockDevice]", looks: "Sequence[Occupancy]") -> str:
    if name := _array_of(host, devices):
        if refusals := array_refusals(host, name):
            return _unknown(refusal.id for refusal in refusals)
        try:
            return running_state(host, name)
        except OSError as error:
            raise HostError(f"a member of {name} can't be read: {error.strerror or error}") from error
    found = members_state(looks, uuid=change.uuid)
    if found in (MembersState.BLANK, MembersState.STOPPED):
        return found.value
    return _unknown([found.value, *(refusal.id for look in looks for refusal in look.refusals)])


def _unknown(ids: "Iterable[str]") -> str:
    return " ".join(("unknown", *dict.fromkeys(ids)))


def _place(host: "Host", devices: "Sequence[BlockDevice]") -> str:
    """Tells the drives from others that took their names within one boot."""
    numbers = [host.text(f"/sys/block/{device.name}/diskseq") or device.major_minor for device in devices]
    return " ".join(numbers)
