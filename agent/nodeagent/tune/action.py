"""What a step is to a person: made, changed, removed, replaced, or not known yet."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from nodeagent.model.array_change import MakeArray
from nodeagent.model.change import Deferred, MakeFilesystem, PlanItem, Risk, SetDirectory, SetMount, WriteConfig


class Action(StrEnum):
    """`replace` is a change that takes down what it changes for a moment; `reboot` takes effect at the next boot."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    REPLACE = "replace"
    REBOOT = "reboot"
    DEFERRED = "deferred"


_DISRUPTIVE = {Risk.LINK_FLAP, Risk.VF_DESTROYING, Risk.SERVICE_RESTART}


def action_of(item: PlanItem) -> Action:
    if isinstance(item, Deferred):
        return Action.DEFERRED
    if item.risk is Risk.REBOOT:
        return Action.REBOOT
    if item.risk in _DISRUPTIVE:
        return Action.REPLACE
    match item:
        case MakeFilesystem() | MakeArray():
            return Action.CREATE
        case WriteConfig() | SetDirectory() | SetMount() if item.before is None:
            return Action.CREATE
        case WriteConfig() | SetDirectory() | SetMount() if item.after is None:
            return Action.REMOVE
        case _:
            return Action.CHANGE


def count(items: Iterable[PlanItem]) -> Counter[Action]:
    """How many of each; replaced and rebooted ones count as changed, as they do in the summary."""
    found = Counter(action_of(item) for item in items)
    changed = found.pop(Action.REPLACE, 0) + found.pop(Action.REBOOT, 0)
    found[Action.CHANGE] += changed
    return found
