"""GRUB's drop-in and the menu that is made from it.

The new menu is made beside the old one, read, and only then put in its place in one step: grub-mkconfig itself copies
over the file that the machine boots from (`cat new > grub.cfg`), so that a power cut may leave half a menu, and it puts
any menu in place, also one that a later file of /etc/default/grub.d emptied of what was wanted. libostree makes menus
the same way, for the same reason.

Below an injected root there is no grub-mkconfig to ask; there the entries are edited as it would write them.
"""

import os
import stat
from collections.abc import Collection
from typing import TYPE_CHECKING

from nodeagent.host.changes import config, replacement
from nodeagent.host.changes.observation import Observation
from nodeagent.host.changes.refusal import host_error
from nodeagent.host.process import find_program, run
from nodeagent.model.boot_change import SetBootParameters, boot_state
from nodeagent.model.boot_menu import carried, parameter_name, regenerated
from nodeagent.model.change import WriteConfig
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

if TYPE_CHECKING:
    from nodeagent.host.host import Host

PROGRAM = "grub-mkconfig"
TIMEOUT_SECONDS = 300.0
"""It looks at every kernel, and os-prober, where it is switched on, at every drive."""


def observe(host: "Host", change: SetBootParameters) -> Observation:
    """The drop-in's checksum and what the entries say; gone where GRUB has no menu here any more."""
    if host.stat(change.menu).kind == "absent":
        return Observation(state="", gone=True)
    seen = config.observe(host, _drop_in(change))
    return Observation(state=boot_state(seen.state, carried(_menu(host, change.menu), _names(change))), raw=seen.raw)


def perform(host: "Host", change: SetBootParameters) -> None:
    """Write the drop-in, make the menu; HostError with the old menu still in place where the new one isn't as
    wanted.
    """
    config.perform(host, _drop_in(change))
    old = _menu(host, change.menu)
    if carried(old, _names(change)) == change.after_menu:
        return  # undoing a step of which the menu was never made
    if host.is_live:
        _make(host, change)
    else:
        text = regenerated(old, old=change.before_menu, new=change.after_menu)
        replacement.replace(host, change.menu, text.encode("utf-8", "surrogateescape"), mode=0o444)


def is_half_done(change: SetBootParameters, state: str) -> bool:
    return state == change.half_state()


def sweep(host: "Host", change: SetBootParameters) -> None:
    """Remove what a crash left: our temporary files, and those of a grub-mkconfig that was cut off."""
    replacement.sweep(host, change.path)
    for path in (_new(change.menu), f"{_new(change.menu)}.new"):
        try:
            host.path(path).unlink(missing_ok=True)
        except OSError as error:
            raise host_error("remove", path, error) from error


def _make(host: "Host", change: SetBootParameters) -> None:
    if find_program(PROGRAM) is None:
        raise HostError(f"there is no {PROGRAM} to make {change.menu} with", remedy="apt-get install grub-common")
    made = _new(change.menu)
    try:
        completed = run(
            Command(argv=(PROGRAM, "-o", made), timeout_seconds=TIMEOUT_SECONDS, environment=(("LC_ALL", "C"),))
        )
        if not completed.ok:
            said = completed.stderr.decode("utf-8", "replace").strip()[-300:] or f"exit code {completed.exit_code}"
            raise HostError(f"{PROGRAM} made no menu: {said}", remedy=f"see what it says: {PROGRAM} >/dev/null")
        _check(carried(_menu(host, made), _names(change)), change)
        _put_in_place(host, made, change.menu)
    finally:
        sweep(host, change)


def _check(found: Collection[str] | None, change: SetBootParameters) -> None:
    if found != change.after_menu:
        got = "entries that don't agree" if found is None else repr(" ".join(found))
        raise HostError(
            f"the menu that {PROGRAM} makes would give the kernel {got}, wanted {' '.join(change.after_menu)!r}; "
            "the old menu stays",
            remedy="see who sets them too: grep -rn GRUB_CMDLINE_LINUX /etc/default/grub /etc/default/grub.d",
        )


def _put_in_place(host: "Host", made: str, menu: str) -> None:
    """Durably, and readable by whom the old one was."""
    new, old = host.path(made), host.path(menu)
    try:
        new.chmod(stat.S_IMODE(old.stat().st_mode))
        descriptor = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(old)
        replacement.sync_directory(old.parent)
    except OSError as error:
        raise host_error("replace", menu, error) from error


def _menu(host: "Host", path: str) -> str:
    reading = host.read(path)
    if not reading.ok:
        raise HostError(f"cannot read {path}: {reading.problem or 'it is not there'}", remedy=f"ls -l {path}")
    return reading.text


def _names(change: SetBootParameters) -> frozenset[str]:
    return frozenset(parameter_name(token) for token in (*change.before_menu, *change.after_menu))


def _new(menu: str) -> str:
    directory, _, name = menu.rpartition("/")
    return f"{directory}/.{name}.nodeagent-new"


def _drop_in(change: SetBootParameters) -> WriteConfig:
    return WriteConfig(
        key=change.key, tunable=change.tunable, path=change.path, before=change.before, after=change.after
    )
