"""The change of what the boot loader hands to the kernel: a drop-in of GRUB and the menu made from it, as one step.

They are one change because only together they mean anything: undone newest first, a menu would be made again before the
drop-in is gone. The drop-in is written first, then the menu is made from it; a crash in between leaves the new drop-in
beside the old menu, which is told apart and undone.
"""

import shlex
from dataclasses import dataclass, replace
from typing import Self

from nodeagent.model.change import Change, Lifetime, file_state


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBootParameters(Change):
    """Write, replace or remove a file below /etc/default/grub.d and make the menu anew.

    `before` and `after` are the whole drop-in, None for none. `before_menu` and `after_menu` are what the entries of
    the menu say about the parameters that either drop-in is about, also what other files say of them. The running
    kernel is never touched."""

    kind = "set-boot-parameters"
    lifetime = Lifetime.PERSISTENT

    path: str
    menu: str
    before: str | None
    after: str | None
    before_menu: tuple[str, ...]
    after_menu: tuple[str, ...]

    def before_state(self) -> str:
        return boot_state(file_state(self.before), self.before_menu)

    def after_state(self) -> str:
        return boot_state(file_state(self.after), self.after_menu)

    def half_state(self) -> str:
        """The drop-in is written, the menu is still the old one."""
        return boot_state(file_state(self.after), self.before_menu)

    def command(self) -> str:
        path = shlex.quote(self.path)
        if self.after is None:
            write = f"rm {path}"
        else:
            write = f"printf %s {shlex.quote(self.after)} | install -m 0644 /dev/stdin {path}"
        return f"{write} && grub-mkconfig -o {shlex.quote(self.menu)}"

    def inverse(self) -> Self:
        return replace(
            self, before=self.after, after=self.before, before_menu=self.after_menu, after_menu=self.before_menu
        )


def boot_state(file: str, menu: tuple[str, ...] | None) -> str:
    """The canonical state of drop-in and menu; None is a menu whose entries don't agree."""
    return f"{file} menu=[{'different entries' if menu is None else ' '.join(menu)}]"
