"""Guests that a person asked for: they outlive the command that made them and are found again by their directory.

All of them are on one network, that of one lab: the one with the file `kept` in its directory. The `guest.json` of each
says what it is called and what it is made of. After a reboot of the host the files are there and the machines are not:
such a lab is cleared away before the next one is made.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cherrylab.guests.guest import Guest
from cherrylab.guests.image import Image, ensure_image
from cherrylab.guests.lab import KEPT, Lab, labs_root, network_of
from cherrylab.guests.template import TEMPLATES, HardwareTemplate
from nodeagent.model.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_NOTE = "guest.json"
_LAST_NUMBER = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGuest:
    """A guest and what its person calls it."""

    name: str
    guest: Guest


def find_all() -> tuple[KeptGuest, ...]:
    """Every kept guest, switched on or not, by number."""
    directory = _directory()
    return () if directory is None else tuple(_guests_in(directory))


def find(name: str) -> KeptGuest:
    """UsageError with the names there are where nobody is called so."""
    kept = find_all()
    for one in kept:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in kept)
    said = f"there are {known}" if known else "there is none"
    raise UsageError(f"no guest is called {name!r}; {said}", remedy="cherrylab guest list")


def up(template: HardwareTemplate, *, name: str, progress: Callable[[str], None] = lambda _text: None) -> KeptGuest:
    """Make a guest, switch it on and wait until it answers; what failed half-way is removed again.

    UsageError where the name is taken, HostError where the machine can't be made or does not boot.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a guest can't be called {name!r}, wanted lower-case letters, digits and dashes")
    image = ensure_image(progress=progress)
    with _lab(image) as lab:
        kept = list(_guests_in(lab.directory))
        if any(one.name == name for one in kept):
            raise UsageError(f"a guest is called {name!r} already", remedy=f"cherrylab guest up --name {name}-2")
        number = _free_number(kept)
        guest = lab.guest(template, number=number, keep=True)
        try:
            guest.make()
            _write_note(guest, name)
            progress(f"starting {name} ({template.cpus} CPUs, {template.memory_bytes >> 20} MiB)")
            guest.power_on()
            guest.wait()
        except BaseException:
            lab.discard(guest)
            if not kept:
                lab.remove()
            raise
    return KeptGuest(name=name, guest=guest)


def down(names: tuple[str, ...]) -> None:
    """Remove these guests and their files; with the last one the network goes too. UsageError for an unknown name."""
    wanted = {find(name).name for name in names}
    directory = _directory()
    if directory is None or not wanted:
        return
    kept = list(_guests_in(directory))
    lab = Lab.adopt(directory, image=kept[0].guest.image)
    if wanted == {one.name for one in kept}:
        lab.remove()
        return
    try:
        for one in kept:
            if one.name in wanted:
                lab.discard(one.guest)
    finally:
        lab.release()


@contextmanager
def _lab(image: Image) -> Iterator[Lab]:
    """The kept lab, held while a guest is added; a new one where there is none or its network died with the host."""
    directory = _directory()
    if directory is not None and not network_of(directory).exists():
        Lab.adopt(directory, image=image).remove()
        directory = None
    lab = Lab.create(image=image, keep=True) if directory is None else Lab.adopt(directory, image=image)
    try:
        yield lab
    finally:
        lab.release()


def _directory() -> Path | None:
    """The directory of the kept lab; None where there is none."""
    return next((path.parent for path in sorted(labs_root().glob(f"*/{KEPT}"))), None)


def _guests_in(directory: Path) -> Iterator[KeptGuest]:
    for path in sorted(directory.glob(f"g*/{_NOTE}"), key=lambda path: int(path.parent.name[1:])):
        note = json.loads(path.read_text())
        guest = Guest(
            number=note["number"],
            template=TEMPLATES[note["template"]],
            image=Image(directory=Path(note["image"])),
            network=network_of(directory),
            directory=path.parent,
            keep=True,
        )
        yield KeptGuest(name=note["name"], guest=guest)


def _write_note(guest: Guest, name: str) -> None:
    note = {
        "name": name,
        "number": guest.number,
        "template": guest.template.name,
        "image": str(guest.image.directory),
    }
    (guest.directory / _NOTE).write_text(json.dumps(note))


def _free_number(kept: list[KeptGuest]) -> int:
    taken = {one.guest.number for one in kept}
    for number in range(1, _LAST_NUMBER + 1):
        if number not in taken:
            return number
    raise UsageError(f"{_LAST_NUMBER} guests are up already", remedy="cherrylab guest down NAME")
