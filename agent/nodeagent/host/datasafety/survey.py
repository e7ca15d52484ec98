"""Everything that speaks against writing to a drive, gathered: the answer of this package to "is it free?".

The order is that of cost: what sysfs and /proc tell, then an exclusive open, then the signatures, and only where
nothing spoke against it so far, the reading of the drive itself. Each step that could not be taken is a refusal.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from random import SystemRandom
from typing import TYPE_CHECKING

from nodeagent.host.datasafety.content import Content, read_content
from nodeagent.host.datasafety.exclusive import Claim, open_refusal, sequence_refusals
from nodeagent.host.datasafety.family import node_path, read_family
from nodeagent.host.datasafety.identity import identity_refusals, node_refusals, number_refusals
from nodeagent.host.datasafety.refusal import Reason, refuse
from nodeagent.host.datasafety.signatures import probe
from nodeagent.host.datasafety.unfinished import is_unfinished
from nodeagent.host.datasafety.users import kind_refusals, use_refusals
from nodeagent.model.facts import BlockDevice
from nodeagent.model.occupancy import Occupancy, Refusal, Signature

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_LOOK_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def occupancy(host: "Host", device: BlockDevice, *, claim: Claim | None = None) -> Occupancy:
    """Who uses the drive and what is on it; reads only, never raises for what it finds.

    With a `claim` of ours the look goes through its descriptor and nobody can get in between the look and the deed.
    `blank` is True only where the drive was read and held nothing, None where that was not reached.
    """
    family = read_family(host, device.name)
    refusals = [*identity_refusals(host, device), *kind_refusals(host, family), *use_refusals(host, family)]
    signatures: tuple[Signature, ...] = ()
    blank: bool | None = None
    if host.is_live:
        wrong_node = node_refusals(host, device)
        refusals += wrong_node
        if not wrong_node:
            signatures, blank, found = _look_inside(host, device, claim, clean=not refusals)
            refusals += found
    else:
        refusals.append(refuse(Reason.CONTENT_UNKNOWN, f"a captured tree does not hold what is on {device.name}"))
    return Occupancy(
        identity=device.identity,
        major_minor=device.major_minor,
        signatures=signatures,
        blank=blank,
        refusals=tuple(dict.fromkeys(refusals)),
    )


def _look_inside(
    host: "Host", device: BlockDevice, claim: Claim | None, *, clean: bool
) -> tuple[tuple[Signature, ...], bool | None, list[Refusal]]:
    """Signatures, blank, refusals; the content is read only where nothing else was found (`clean` says: so far)."""
    with _opened(device, host, claim) as (descriptor, refusals):
        if descriptor is None:
            return (), None, refusals
        refusals += number_refusals(host, device, os.fstat(descriptor).st_rdev)
        refusals += sequence_refusals(host, device, descriptor)
        shown = node_path(device.name)
        found = probe(f"/proc/self/fd/{descriptor}", shown=shown, inherit_fds=(descriptor,))
        refusals += found.refusals
        refusals += [_signature_refusal(shown, signature) for signature in found.signatures]
        refusals += _unfinished(descriptor, shown)
        if refusals or not clean:
            return found.signatures, False if found.signatures else None, refusals
        try:
            content = _read(descriptor, device)
        except OSError as error:
            return (), None, [refuse(Reason.CONTENT_UNKNOWN, f"{shown} can't be read: {error.strerror or error}")]
        if content.nonzero_at is None:
            return (), True, []
        return _gpt(content), False, [_not_blank(shown, content)]


@contextmanager
def _opened(device: BlockDevice, host: "Host", claim: Claim | None) -> Iterator[tuple[int | None, list[Refusal]]]:
    """A descriptor to look through: the claim's, or an exclusive one; where that is refused, one that only looks."""
    if claim is not None:
        yield claim.lock_fd, []  # Of the same open; that with the claim is O_DIRECT and wants aligned memory.
        return
    path = host.path(node_path(device.name))
    refusals: list[Refusal] = []
    try:
        descriptor = os.open(path, _LOOK_FLAGS | os.O_EXCL)
    except OSError as error:
        refusals.append(open_refusal(device.name, error))
        if error.errno != errno.EBUSY:
            yield None, refusals
            return
        try:
            descriptor = os.open(path, _LOOK_FLAGS)
        except OSError as second:
            yield None, [*refusals, open_refusal(device.name, second)]
            return
    try:
        yield descriptor, refusals
    finally:
        os.close(descriptor)


def _read(descriptor: int, device: BlockDevice) -> Content:
    size_bytes = os.lseek(descriptor, 0, os.SEEK_END)
    if size_bytes != device.size_bytes:
        raise OSError(f"it ends at byte {size_bytes}, sysfs says {device.size_bytes}")
    rotational = device.rotational is not False
    content = read_content(descriptor, size_bytes=size_bytes, rotational=rotational, random=SystemRandom())
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    return content


def _signature_refusal(shown: str, signature: Signature) -> Refusal:
    label = f" labelled {signature.label!r}" if signature.label else ""
    uuid = f" ({signature.uuid})" if signature.uuid else ""
    return refuse(
        Reason.SIGNATURE,
        f"{shown} holds {signature.type}{label}{uuid}",
        remedy=f"if it may go: wipefs --no-act {shown}, look, then erase it by hand",
    )


def _unfinished(descriptor: int, shown: str) -> list[Refusal]:
    try:
        if not is_unfinished(descriptor):
            return []
    except OSError as error:
        return [refuse(Reason.CONTENT_UNKNOWN, f"{shown} can't be read: {error.strerror}")]
    text = f"{shown} holds a filesystem whose mkfs was interrupted"
    return [refuse(Reason.UNFINISHED, text, remedy=f"nothing of value can be on it; look, then: wipefs --all {shown}")]


def _gpt(content: Content) -> tuple[Signature, ...]:
    return tuple(Signature(type="gpt", offset_bytes=offset) for offset in content.gpt_headers)


def _not_blank(shown: str, content: Content) -> Refusal:
    what = " (a GPT header)" if content.gpt_headers else ""
    return refuse(
        Reason.NOT_BLANK,
        f"{shown} is not blank: something stands at byte {content.nonzero_at}{what}",
        remedy=f"if it may go: blkdiscard {shown}, or dd if=/dev/zero of={shown} bs=1M, by hand",
    )
