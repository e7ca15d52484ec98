"""The last resort: each apply leaves a plain shell script that undoes it without nodeagent, Python or SQLite.

It is on disk before the first change and covers every one, the three-way comparison included: it restores the
original where the value is still ours and keeps what somebody else set. It runs in dash and busybox sh with cat, stat,
chown, chmod, mkdir, rmdir, mv, rm, sync; for mounts with mount, umount and unshare, for network cards with ip, ethtool,
ls, readlink, grep and od.
"""

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodeagent.host import changes
from nodeagent.host.state_directory import ensure_state_directory, write_own_file
from nodeagent.model.boot_change import SetBootParameters
from nodeagent.model.change import (
    Change,
    KnobForm,
    Lifetime,
    SetDirectory,
    SetMount,
    WriteConfig,
    WriteCoupled,
    WriteFile,
)
from nodeagent.model.drive_change import SetNvmeFeature
from nodeagent.model.errors import HostError
from nodeagent.model.ethtool_change import SetChannels, SetCoalescing, SetFeatures, SetFlowHash, SetRings
from nodeagent.model.firewall_change import SetFirewallTable
from nodeagent.model.irq_change import SetIrqAffinity
from nodeagent.model.network_change import BindDriver, SetLink, SetVf, SetVfCount
from nodeagent.model.service_change import SetUnit
from nodeagent.model.swap_change import SetSwap
from nodeagent.tune.session import Session
from nodeagent.tune.undo import ethtool as undo_ethtool
from nodeagent.tune.undo import irq as undo_irq
from nodeagent.tune.undo import network as undo_network
from nodeagent.tune.undo.boot import boot_actions, boot_condition
from nodeagent.tune.undo.drive import drive_action, drive_condition, drive_functions
from nodeagent.tune.undo.ethtool import ethtool_functions
from nodeagent.tune.undo.filesystem_root import root_actions, root_condition, root_functions
from nodeagent.tune.undo.firewall import firewall_action, firewall_condition
from nodeagent.tune.undo.path import mountinfo_path
from nodeagent.tune.undo.service import reload_after, service_actions, service_condition, service_functions

DIRECTORY_NAME = "undo"

_HEAD = r"""#!/bin/sh
# Undoes nodeagent transaction @TRANSACTION@, newest change first, without nodeagent:
#
#     sh @FILE@
#
# A value is restored only where it is still the one that was set; what somebody
# else changed since is kept and reported. Settings of the kernel are left alone
# after a reboot, which ended them. `nodeagent tune rollback` does the same and
# writes it into the journal; prefer it where it runs.
#
# Exit codes: 0 all is back, 1 something could not be restored, 2 something of
# somebody else was kept.
set -u
LC_ALL=C
export LC_ALL
root='@ROOT@'
boot='@BOOT@'
status=0

already()      { printf 'already as before: %s\n' "$1"; }
restored()     { printf 'restored: %s\n' "$1"; }
lapsed()       { printf 'ended with the reboot: %s\n' "$1"; }
irreversible() { printf 'cannot be undone: %s\n' "$1"; }
unscriptable() { printf 'FAILED, a NUL byte does not go through a shell: %s\n' "$1"; status=1; }
kept()         { printf 'KEPT, somebody else changed it: %s\n' "$1"; [ "$status" = 1 ] || status=2; }
failed()       { printf 'FAILED: %s\n' "$1"; status=1; }

same_boot() { [ "$(cat "$root/proc/sys/kernel/random/boot_id" 2>/dev/null)" = "$boot" ]; }

strip() {
    text=${1#"${1%%[![:space:]]*}"}
    text=${text%"${text##*[![:space:]]}"}
}
words() {
    set -f
    set -- $1
    set +f
    text=$*
}
# is FORM PATH VALUE: does the knob hold the value?
is() {
    if [ -z "$3" ] && [ ! -e "$root$2" ]; then return 0; fi
    text=$(cat "$root$2" 2>/dev/null) || return 1
    case $1 in
    words) words "$text" ;;
    mask) strip "$text"; text=${text#"${text%%[!0,]*}"}; text=${text:-0} ;;
    *) strip "$text" ;;
    esac
    case $1-$text in
    selected-*\[*\]*) text=${text#*\[}; text=${text%%\]*} ;;
    esac
    [ "$text" = "$3" ]
}
put() { printf '%s\n' "$2" >"$root$1"; }
no_file() { [ ! -e "$root$1" ] && [ ! -L "$root$1" ]; }
is_file() { [ -f "$root$1" ] && [ ! -L "$root$1" ] && [ "$(cat "$root$1"; echo .)" = "$2." ]; }
# put_file PATH MODE CONTENT
put_file() {
    printf %s "$3" >"$root$1.nodeagent-undo" && chmod "$2" "$root$1.nodeagent-undo" &&
        mv -f "$root$1.nodeagent-undo" "$root$1"
}
is_directory() { [ ! -L "$root$1" ] && [ -d "$root$1" ] && [ "$(stat -c '%a %u:%g' "$root$1")" = "$2" ]; }
is_mounted() {
    while read -r _ _ _ _ where _; do
        [ "$where" = "$1" ] && return 0
    done <"$root/proc/self/mountinfo"
    return 1
}
not_mounted() { ! is_mounted "$1"; }
"""

_TAIL = """sync
exit "$status"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """The shell's way back for one key: is it back already, is it still ours, what to do."""

    is_original: str
    is_ours: str
    actions: tuple[str, ...]


def write_undo_script(session: Session, transaction: str, steps: Sequence[Change]) -> Path:
    """Write the script for these steps, in the order they are made; it is durable when this returns.

    HostError where the present state of one can't be read or the script can't be written: without a way back nothing
    is changed.
    """
    directory = ensure_state_directory(session.state_directory / DIRECTORY_NAME)
    path = directory / f"{transaction}.sh"
    try:
        write_own_file(path, _render(session, transaction, path, steps).encode("utf-8", "surrogateescape"), mode=0o700)
    except OSError as error:
        raise HostError(
            f"cannot write the undo script {path}: {error.strerror}",
            remedy=f"make it writable again: df -h {directory}",
        ) from error
    return path


def remove_old_scripts(session: Session, *, keep: Collection[str]) -> None:
    """Remove the scripts of transactions that are not in `keep`, and what a crash left of one half written."""
    directory = session.state_directory / DIRECTORY_NAME
    for path in directory.glob("*.sh"):
        if path.stem not in keep:
            path.unlink(missing_ok=True)
    for path in directory.glob(".*.sh.new"):
        path.unlink(missing_ok=True)


def _render(session: Session, transaction: str, path: Path, steps: Sequence[Change]) -> str:
    root = "" if session.host.is_live else str(session.host.root)
    network = any(isinstance(change, undo_network.NetworkChange) for change in steps)
    vectors = any(isinstance(change, SetIrqAffinity) for change in steps)
    template = (
        _HEAD
        + ethtool_functions(steps)
        + service_functions(steps)
        + drive_functions(steps)
        + root_functions(steps)
        + (undo_network.FUNCTIONS if network else "")
        + (undo_irq.FUNCTIONS if vectors else "")
        + "\n"
    )
    head = template.replace("@TRANSACTION@", transaction).replace("@FILE@", str(path))
    head = head.replace("@ROOT@", root.replace("'", "'\\''")).replace("@BOOT@", session.boot_id)
    return head + "\n".join(_block(session, change) for change in reversed(steps)) + "\n" + _TAIL


def _block(session: Session, change: Change) -> str:
    key = shlex.quote(_printable(change.key))
    way = _way(session, change)
    if way is None:
        return f"irreversible {key}\n"
    if any("\0" in text for text in (way.is_original, way.is_ours, *way.actions)):
        return f"unscriptable {key}\n"
    actions = " && ".join(way.actions) or "true"
    block = (
        f"if {way.is_original}; then already {key}\n"
        f"elif {way.is_ours}; then {actions} && restored {key} || failed {key}\n"
        f"else kept {key}; fi\n"
    )
    if change.lifetime is Lifetime.BOOT:
        return f"if same_boot; then\n{block}else lapsed {key}; fi\n"
    return block


def _way(session: Session, change: Change) -> _Way | None:
    """From any value that we set for this key back to what was there before the first of them."""
    ours = [i.change for i in session.ledger.owned() if i.key == change.key and not i.gone_with(session.boot_id)]
    first = session.ledger.first(change.key, boot_id=session.boot_id)
    if first is not None:
        back = changes.inverse(first.change, raw=first.raw)
    else:
        raw = session.look(change).raw if isinstance(change, WriteConfig) else ""
        back = changes.inverse(change, raw=raw)
    if back is None:
        return None
    was_ours = " || ".join(dict.fromkeys(_is(other) for other in [change, *ours]))
    return _Way(is_original=_is(back), is_ours=was_ours, actions=tuple(_actions(back)))


def _is(change: Change) -> str:  # noqa: PLR0911, PLR0912 - one a kind
    """A shell condition: is the state the one after this change?"""
    match change:
        case WriteFile():
            return _knob_is(change.path, change.form, change.after)
        case WriteCoupled():
            return "{ " + " && ".join(_knob_is(m.path, m.form, m.after) for m in change.members) + "; }"
        case WriteConfig():
            path = shlex.quote(change.path)
            return f"no_file {path}" if change.after is None else f"is_file {path} {shlex.quote(change.after)}"
        case SetDirectory():
            path, state = shlex.quote(change.path), change.after
            if change.root_of and state:
                return root_condition(change, state)
            return f"is_directory {path} '{state.mode:o} {state.uid}:{state.gid}'" if state else f"no_file {path}"
        case SetMount():
            where = shlex.quote(mountinfo_path(change.target))
            return f"is_mounted {where}" if change.after else f"not_mounted {where}"
        case SetVfCount() | SetVf() | BindDriver() | SetLink():
            return undo_network.condition(change)
        case SetChannels() | SetRings() | SetCoalescing() | SetFeatures() | SetFlowHash():
            return undo_ethtool.condition(change)
        case SetNvmeFeature():
            return drive_condition(change)
        case SetBootParameters():
            return boot_condition(change)
        case SetUnit() | SetSwap():
            return service_condition(change)
        case SetFirewallTable():
            return firewall_condition(change)
        case SetIrqAffinity():
            return undo_irq.condition(change)
        case _:
            return "false"


def _actions(back: Change) -> Iterator[str]:  # noqa: PLR0912 - one a kind
    match back:
        case WriteFile():
            yield _put(back.path, back.after)
        case WriteCoupled():
            yield from (_put(member.path, member.after) for member in back.members if member.forward)
        case WriteConfig():
            path = shlex.quote(back.path)
            if back.after is None:
                yield f'rm -f "$root"{path}'
            else:
                yield f"put_file {path} {back.mode:04o} {shlex.quote(back.after)}"
            yield from reload_after(back)
        case SetDirectory():
            yield from _set_directory(back)
        case SetVfCount() | SetVf() | BindDriver() | SetLink():
            yield from undo_network.actions(back)
        case SetChannels() | SetRings() | SetCoalescing() | SetFeatures() | SetFlowHash():
            yield from undo_ethtool.actions(back)
        case SetNvmeFeature():
            yield drive_action(back)
        case SetBootParameters():
            yield from boot_actions(back)
        case SetUnit() | SetSwap():
            yield from service_actions(back)
        case SetFirewallTable():
            yield firewall_action(back)
        case SetIrqAffinity():
            yield from undo_irq.actions(back)
        case _:
            yield back.command()


def _set_directory(back: SetDirectory) -> Iterator[str]:
    path = f'"$root"{shlex.quote(back.path)}'
    if back.after is None:
        yield f"rmdir {path}"
        return
    if back.root_of:
        yield from root_actions(back, back.after)
        return
    if back.before is None:
        yield f"mkdir {path}"
    yield f"chown {back.after.uid}:{back.after.gid} {path}"
    yield f"chmod {back.after.mode:04o} {path}"


def _put(path: str, value: str) -> str:
    return f"put {shlex.quote(path)} {shlex.quote(value)}"


def _knob_is(path: str, form: KnobForm, value: str) -> str:
    return f"is {form.value} {shlex.quote(path)} {shlex.quote(value)}"


def _printable(key: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in key)
