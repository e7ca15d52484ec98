"""Changes of systemd units: whether one runs, and whether it may start again.

Sources: systemctl(1), systemd.unit(5).
"""

import shlex
from dataclasses import dataclass

from nodeagent.model.change import Lifetime, SetState


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCondition:
    """What can be changed about a unit. `links` are those in /etc that enable it, sorted (model/unit_state.py).

    `active` is None where a change lets that be, on both of its sides: then it is not looked at either.
    """

    active: bool | None
    masked: bool = False
    links: tuple[str, ...] = ()

    def __str__(self) -> str:
        state = {True: "active ", False: "inactive ", None: ""}[self.active]
        return f"{state}masked={'yes' if self.masked else 'no'} enabled={','.join(self.links) or 'no'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUnit(SetState):
    """Stop or start a unit, enable or disable it, mask or unmask it, all by systemctl.

    The mask is made before the unit is stopped, so that nothing starts it in between; a unit is started, and its links
    are made and taken away, while there is no mask, which systemctl would refuse or pass over. A mask does not touch
    the links, so that what it is taken from comes back as enabled as it was.
    """

    kind = "set-unit"
    lifetime = Lifetime.PERSISTENT

    unit: str
    before: UnitCondition
    after: UnitCondition

    def verbs(self) -> tuple[str, ...]:
        """The verbs of systemctl, in order; () where nothing differs."""
        before, after = self.before, self.after
        links = before.links != after.links
        start = before.active is False and after.active is True
        lifted = before.masked and (not after.masked or links or start)
        steps = {
            "unmask": lifted,
            "enable": links and bool(after.links),
            "disable": links and not after.links,
            "start": start,
            "mask": after.masked and (lifted or not before.masked),
            "stop": before.active is True and after.active is False,
        }
        return tuple(verb for verb, needed in steps.items() if needed)

    def command(self) -> str:
        return " && ".join(f"systemctl {verb} {shlex.quote(self.unit)}" for verb in self.verbs()) or "true"
