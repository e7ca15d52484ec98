"""The shell's view of boot parameters, for the undo script: the drop-in, the menu made from it, and the way back.

The drop-in says whose the state is. The way back is complete only when the menu says nothing of ours any more, so a
menu that still does is made anew, also where the drop-in is gone already."""

import shlex
from collections.abc import Iterator

from nodeagent.model.boot_change import SetBootParameters


def boot_condition(change: SetBootParameters) -> str:
    """A shell condition: is the state the one after this change?"""
    path, menu = shlex.quote(change.path), shlex.quote(change.menu)
    if change.after is not None:
        return f"is_file {path} {shlex.quote(change.after)}"
    gone = [token for token in change.before_menu if token not in change.after_menu]
    still = " ".join(f"-e {shlex.quote(' ' + token)}" for token in gone)
    return f'{{ no_file {path} && ! grep -qF {still} "$root"{menu}; }}' if gone else f"no_file {path}"


def boot_actions(back: SetBootParameters) -> Iterator[str]:
    """The commands of the way back, all of which must succeed."""
    path = shlex.quote(back.path)
    yield f'rm -f "$root"{path}' if back.after is None else f"put_file {path} 0644 {shlex.quote(back.after)}"
    yield f'grub-mkconfig -o "$root"{shlex.quote(back.menu)}'
