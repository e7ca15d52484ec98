"""What a low-level probe finds on a device: filesystems, RAID and LVM members, encryption, partition tables.

Two tools of util-linux read the device itself, without blkid's cache: `blkid --probe` says what it takes the content
for, and that it can't decide (exit 8); `wipefs --no-act` lists every signature with its place, also those that blkid
skips (a backup GPT alone: exit 2, "nothing", measured with 2.38.1). blkid's "nothing" is also what it says about a
device it could not open, so emptiness is believed only when both agree and content.py has read zeros.
Sources: blkid(8), wipefs(8).
"""

import json
import shlex
from dataclasses import dataclass

from nodeagent.host.datasafety.refusal import Reason, refuse
from nodeagent.host.process import run
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError
from nodeagent.model.occupancy import Refusal, Signature

_TIMEOUT_SECONDS = 60.0
_NOTHING = 2
_AMBIVALENT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was found; `refusals` says what could not be decided (both empty: nothing was found)."""

    signatures: tuple[Signature, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def probe(path: str, *, shown: str, inherit_fds: tuple[int, ...] = ()) -> Probe:
    """Probe the device at `path`, which may be `/proc/self/fd/N` of an inherited descriptor; `shown` names it.

    Never raises for what the tools do: no tool, an error, a garbled answer is a refusal.
    """
    answers = []
    for argv in (("blkid", "-p", "-o", "export", path), ("wipefs", "--no-act", "--json", path)):
        command = Command(argv=argv, timeout_seconds=_TIMEOUT_SECONDS, inherit_fds=inherit_fds)
        try:
            answers.append(run(command))
        except HostError as error:
            return _undecided(f"{argv[0]} could not look at {shown}: {error.message}", error.remedy or "")
    blkid, wipefs = answers
    try:
        return _combine(
            _read_blkid(blkid), _read_wipefs(wipefs), ambivalent=blkid.exit_code == _AMBIVALENT, shown=shown
        )
    except ValueError as error:
        return _undecided(f"the signatures of {shown} are not known: {error}", f"look by hand: wipefs --no-act {shown}")


def _combine(blkid: dict[str, str], wipefs: tuple[Signature, ...], *, ambivalent: bool, shown: str) -> Probe:
    usage, kind = blkid.get("USAGE", ""), blkid.get("TYPE") or blkid.get("PTTYPE") or ""
    listed = tuple(
        Signature(
            type=found.type,
            usage=usage if found.type == kind else "",
            label=found.label,
            uuid=found.uuid,
            offset_bytes=found.offset_bytes,
        )
        for found in wipefs
    )
    if kind and kind not in {found.type for found in listed}:
        named = Signature(
            type=kind, usage=usage, label=blkid.get("LABEL", ""), uuid=blkid.get("UUID") or blkid.get("PTUUID") or ""
        )
        listed = (named, *listed)
    if not ambivalent:
        return Probe(signatures=listed)
    names = ", ".join(found.type for found in listed) or "several things"
    refusal = refuse(
        Reason.AMBIVALENT,
        f"{shown} looks like {names} at once; blkid can't decide",
        remedy=f"wipefs --no-act {shown} lists them; erase the stale one by hand",
    )
    return Probe(signatures=listed, refusals=(refusal,))


def _read_blkid(completed: Completed) -> dict[str, str]:
    """NAME to value; empty for "nothing". ValueError for any other end."""
    if completed.exit_code in (_NOTHING, _AMBIVALENT) and completed.signal is None and not completed.timed_out:
        return {}
    _require_success(completed)
    words = shlex.split(completed.stdout.decode("utf-8", "replace"))
    found = dict(word.split("=", 1) for word in words if "=" in word)
    if not (found.get("TYPE") or found.get("PTTYPE")):
        raise ValueError("blkid found something and did not say what")
    return found


def _read_wipefs(completed: Completed) -> tuple[Signature, ...]:
    _require_success(completed)
    text = completed.stdout.decode("utf-8", "replace")
    if not text.strip():  # wipefs before 2.39 prints nothing where a later one prints an empty list
        return ()
    document = json.loads(text)
    try:
        return tuple(
            Signature(
                type=str(entry["type"]),
                label=entry.get("label") or "",
                uuid=entry.get("uuid") or "",
                offset_bytes=int(str(entry["offset"]), 16),
            )
            for entry in document["signatures"]
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"wipefs answered {text[:80]!r}") from error


def _require_success(completed: Completed) -> None:
    if not completed.ok:
        said = completed.stderr.decode("utf-8", "replace").strip()[:200]
        raise ValueError(f"{completed.command.argv[0]} ended with code {completed.exit_code}: {said or 'no message'}")


def _undecided(text: str, remedy: str) -> Probe:
    return Probe(refusals=(refuse(Reason.CONTENT_UNKNOWN, text, remedy=remedy),))
