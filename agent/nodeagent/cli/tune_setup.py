"""What every `tune` command needs first: the machine, the profile, the state directory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nodeagent.cli.output import Terminal
from nodeagent.host import Host
from nodeagent.host.state_directory import state_directory
from nodeagent.model.errors import UsageError
from nodeagent.model.profile import Profile
from nodeagent.profiles import default_search, load_profile
from nodeagent.profiles.match import fits
from nodeagent.profiles.search import names
from nodeagent.tune.placement import placed
from nodeagent.tune.tunables import SETTINGS_TYPES

if TYPE_CHECKING:
    from nodeagent.model.facts import HostFacts

TEXT_WIDTH = 80

_CACHE = "profiles"


def load(reference: str | None, state: Path, *, keep: bool = False) -> Profile:
    """The profile that was named; UsageError, naming those there are, where none was.

    An apply keeps it typed in its state directory (`keep`), which spares the others most of their start.
    """
    if not reference:
        known = ", ".join(names(default_search())) or "none"
        raise UsageError(
            f"which profile? Known: {known}",
            remedy="name one with --profile NAME, or set NODEAGENT_PROFILE; nodeagent profile list shows them",
        )
    return load_profile(
        reference, settings_types=SETTINGS_TYPES, search=default_search(), cache=state / _CACHE, keep=keep
    )


@contextmanager
def opened(root: Path) -> Iterator[Host]:
    """A Host to look at: this machine, a copied tree, or a capture."""
    if root.is_dir():
        yield live(root)
        return
    from nodeagent.cli.host_show import opened as opened_capture

    with opened_capture(root) as host:
        yield host


def live(root: Path) -> Host:
    """A Host that may be written to; UsageError for a capture."""
    if not root.is_dir():
        raise UsageError(f"{root} is a capture, nothing can be changed in it")
    return Host() if root.resolve() == Path("/") else Host(root=root.resolve())


def state_of(root: Path, given: Path | None = None) -> Path:
    return state_directory(given, root=Path("/") if root.resolve() == Path("/") else root)


def misfits(profile: Profile, facts: "HostFacts") -> tuple[str, ...]:
    """Where this is no machine that the profile is for, or can't give its placement as asked."""
    placement = placed(facts, profile).placement
    short = [f"placement: {problem}" for problem in placement.problems] if placement else []
    return (*(str(fit) for fit in fits(profile.match, facts) if not fit.fits), *short)


def is_root() -> bool:
    return os.geteuid() == 0


def width_of(terminal: Terminal) -> int:
    """Explanations are wrapped to the terminal; through a pipe to what a mail or a ticket can hold."""
    if not terminal.interactive:
        return TEXT_WIDTH
    from shutil import get_terminal_size

    return min(get_terminal_size().columns, 110)
