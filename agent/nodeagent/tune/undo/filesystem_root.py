"""The undo script's words for the uppermost directory of a filesystem, which may not be mounted after a reboot."""

import shlex
from collections.abc import Iterator, Sequence

from nodeagent.model.change import Change, DirectoryState, SetDirectory
from nodeagent.tune.undo.path import mountinfo_path

_FUNCTIONS = r"""
# on_root SOURCE TYPE PATH MOUNTED-AT OPTIONS SCRIPT: run SCRIPT with the root of a filesystem as $1. Where it isn't
# mounted at PATH it is mounted for the script alone (unshare(1)), and gone with it.
on_root() {
    if [ -n "$root" ] || is_mounted "$4"; then sh -c "$6" sh "$root$3"; return; fi
    # Looked for anew: a record of an earlier look may know another device, or none.
    device=$(blkid -c /dev/null -o device -t "$1" 2>/dev/null) || device=$1
    unshare -m sh -c 'mount -t "$1" -o "$2" "$3" /run && sh -c "$4" sh /run' sh "$2" "$5" "$device" "$6"
}
"""
_COMPARE = '[ "$(stat -c "%a %u:%g" "$1")" = "{state}" ]'
_SET = 'chown {owner} "$1" && chmod {mode} "$1" && sync'


def root_functions(steps: Sequence[Change]) -> str:
    return _FUNCTIONS if any(isinstance(step, SetDirectory) and step.root_of for step in steps) else ""


def root_condition(change: SetDirectory, state: DirectoryState) -> str:
    compare = _COMPARE.format(state=f"{state.mode:o} {state.uid}:{state.gid}")
    return f"{_on_root(change, 'ro')} {shlex.quote(compare)}"


def root_actions(back: SetDirectory, state: DirectoryState) -> Iterator[str]:
    script = _SET.format(owner=f"{state.uid}:{state.gid}", mode=f"{state.mode:04o}")
    yield f"{_on_root(back, 'rw')} {shlex.quote(script)}"


def _on_root(change: SetDirectory, options: str) -> str:
    assert change.root_of is not None
    words = (f"UUID={change.root_of.uuid}", change.root_of.fstype, change.path, mountinfo_path(change.path), options)
    return shlex.join(("on_root", *words))
