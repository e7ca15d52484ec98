"""The shell's view of units and swap areas, for the undo script: what systemctl and /proc/swaps show, and the way back.

systemctl needs a running PID 1. In a rescue shell of a machine that systemd does not run, a unit counts as changed by
somebody else and is reported.
"""

import shlex
from collections.abc import Iterator, Sequence

from nodeagent.model.change import Change, WriteConfig, is_unit_file
from nodeagent.model.service_change import SetUnit
from nodeagent.model.swap_change import SetSwap

ServiceChange = SetUnit | SetSwap

_FUNCTIONS = r"""
# unit_is UNIT ACTIVE MASKED LINKS: is the unit like this? LINKS are the links in /etc that enable it.
unit_is() {
    [ -d "$root/run/systemd/system" ] || return 1
    if systemctl is-active --quiet "$1"; then active=yes; else active=no; fi
    [ "$2" = any ] || [ "$active" = "$2" ] || return 1
    if [ "$(readlink "$root/etc/systemd/system/$1")" = /dev/null ]; then masked=yes; else masked=no; fi
    [ "$masked" = "$3" ] || return 1
    enabled=no
    for link in "$root"/etc/systemd/system/*.wants/"$1" "$root"/etc/systemd/system/*.requires/"$1"; do
        [ ! -L "$link" ] || enabled=yes
    done
    for link in $4; do
        [ -L "$root/etc/systemd/system/$link" ] || return 1
        enabled=yes
    done
    [ -n "$4" ] || [ "$enabled" = no ]
}
# Unit files take effect when PID 1 has read them again.
reload_units() { [ ! -d "$root/run/systemd/system" ] || [ -n "$root" ] || systemctl daemon-reload; }
# swap_is PATH PRIORITY: is the area in use with this priority, or with off: not in use?
swap_is() {
    found=off
    while read -r area _ _ _ priority; do
        [ "$area" != "$1" ] || found=$priority
    done <"$root/proc/swaps"
    [ "$found" = "$2" ]
}
"""

_WORDS = {True: "yes", False: "no", None: "any"}


def service_functions(steps: Sequence[Change]) -> str:
    """What the shell must know to undo these steps; "" where it needs nothing of this."""
    ours = any(isinstance(step, ServiceChange) or _writes_unit_file(step) for step in steps)
    return _FUNCTIONS if ours else ""


def service_condition(change: ServiceChange) -> str:
    """A shell condition: is the state the one after this change?"""
    after = change.after
    if isinstance(change, SetSwap):
        return f"swap_is {shlex.quote(_shown(change.path))} {change.after.priority if change.after else 'off'}"
    after = change.after
    active, masked = (_WORDS[value] for value in (after.active, after.masked))
    return f"unit_is {shlex.quote(change.unit)} {active} {masked} {shlex.quote(' '.join(after.links))}"


def service_actions(back: ServiceChange) -> Iterator[str]:
    """The commands of the way back, all of which must succeed."""
    if isinstance(back, SetSwap):
        yield back.command()
        return
    for verb in back.verbs():
        yield f"systemctl {verb} {shlex.quote(back.unit)}"


def reload_after(change: WriteConfig) -> Iterator[str]:
    """The step after a unit file was written."""
    if is_unit_file(change.path):
        yield "reload_units"


def _writes_unit_file(change: Change) -> bool:
    return isinstance(change, WriteConfig) and is_unit_file(change.path)


def _shown(path: str) -> str:
    """As /proc/swaps writes it (seq_file_path escapes blanks and backslashes)."""
    return "".join(f"\\{ord(char):03o}" if char in " \t\n\\" else char for char in path)
