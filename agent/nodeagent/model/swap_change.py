"""Switching one swap area off, and on again as it was. Sources: swapon(8), swapoff(8), swapon(2)."""

import shlex
from dataclasses import dataclass

from nodeagent.model.change import Lifetime, SetState

OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapState:
    """An area in use. `discard` is "", once, pages or both; the kernel does not show it, so it is not compared."""

    priority: int
    discard: str = ""

    def __str__(self) -> str:
        return f"on priority={self.priority}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSwap(SetState):
    """Stop swapping to an area, or start it. None is "not in use".

    `uuid` is that of the area's header, "" where it has none: nothing is switched on under a name that another area
    has by then.
    """

    kind = "set-swap"
    lifetime = Lifetime.BOOT

    path: str
    uuid: str
    before: SwapState | None
    after: SwapState | None

    def before_state(self) -> str:
        return str(self.before or OFF)

    def after_state(self) -> str:
        return str(self.after or OFF)

    def argv(self) -> tuple[str, ...]:
        """The program and its arguments. A negative priority is the kernel's own choice and can't be asked for."""
        if self.after is None:
            return ("swapoff", "--", self.path)
        priority = ("--priority", str(self.after.priority)) if self.after.priority >= 0 else ()
        discard = {"": (), "both": ("--discard",)}.get(self.after.discard, (f"--discard={self.after.discard}",))
        return ("swapon", *priority, *discard, "--", self.path)

    def command(self) -> str:
        return shlex.join(self.argv())
