"""What is wrong with a profile's section `placement`, beyond the types of its values.

The section's type belongs to the model, where no limits can be declared, so they stand here.
"""

import re
from collections.abc import Iterator
from dataclasses import fields

from nodeagent.model.placement_settings import AUTO, PlacementSettings
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.profiles.constraint import Fault

_LIMITS = {"housekeeping": (1, 256), "interrupts": (1, 256), "poh": (0, 1), "xdp": (0, 64)}
"""CPU 0 always keeps house and somebody must serve interrupts; a validator has one thread for proof of history."""

_NODE = re.compile(r"\d{1,5}", re.ASCII)


def placement_faults(section: PlacementSettings | None) -> Iterator[Fault]:
    """Counts out of range, a node that is none, a selector that means no port, modifiers that mean nothing here."""
    if section is None:
        return
    for field in fields(section):
        value = getattr(section, field.name)
        if isinstance(value, Setting):
            yield from _setting_faults(field.name, value)
    if section.nic is not None:
        yield from _selector_faults(section.nic)


def _selector_faults(nic: NicSelector) -> Iterator[Fault]:
    properties = [field.name for field in fields(nic) if field.name != "count"]
    if all(getattr(nic, name) is None for name in properties):
        yield Fault(path=("nic",), problem=f"names no property: wanted one of {', '.join(properties)}")
    if nic.count is not None and nic.count < 1:
        yield Fault(path=("nic", "count"), problem="wanted 1 or more")


def _setting_faults(name: str, setting: Setting[object]) -> Iterator[Fault]:
    if setting.mode is not Mode.ENFORCE:
        yield Fault(path=(name, "mode"), problem="a placement is made, not compared; wanted no mode")
    if setting.bound is not Bound.EXACTLY:
        yield Fault(path=(name, "value"), problem="a placement is made, not compared; wanted no >= or <=")
    if isinstance(setting.value, int):
        lowest, highest = _LIMITS[name]
        if not lowest <= setting.value <= highest:
            yield Fault(path=(name, "value"), problem=f"wanted {lowest} to {highest} physical cores")
    if name == "node" and setting.value != AUTO and not _NODE.fullmatch(str(setting.value)):
        yield Fault(path=(name, "value"), problem=f"wanted {AUTO} or the number of a NUMA node")
