"""What a profile may say about NVMe drives; the `nvme` tunable's Settings.

nvme:
  - name: data
    devices: {transport: nvme, count: 3}
    power_state: 0
    latency_tolerance_us: 0
    runtime_suspend: never
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated

from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Bound, Setting
from nodeagent.profiles.constraint import Fault, Range
from nodeagent.profiles.name import Name


class RuntimeSuspend(StrEnum):
    """May the kernel suspend the PCI function of an idle drive?"""

    NEVER = "never"
    ALLOWED = "allowed"

    @property
    def control(self) -> str:
        """The word of power/control."""
        return "on" if self is RuntimeSuspend.NEVER else "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmeSettings:
    """What the drives of one selector should have; an entry with a selector alone only has them told about."""

    name: Name
    devices: DeviceSelector
    power_state: Setting[Annotated[int, Range(0, 31)]] | None = None
    latency_tolerance_us: Setting[Annotated[int, Range(0, 2_147_483_647)]] | None = None
    runtime_suspend: Setting[RuntimeSuspend] | None = None


KNOBS = ("latency_tolerance_us", "runtime_suspend", "power_state")
"""In the order they are set: a drive that sleeps has no power state of its own."""


def faults(settings: tuple[NvmeSettings, ...]) -> Iterator[Fault]:
    """Entries that can't mean anything: a selector without a property, a count of none, a label used twice."""
    seen: set[str] = set()
    for at, entry in enumerate(settings):
        properties = [item.name for item in fields(entry.devices) if item.name != "count"]
        if all(getattr(entry.devices, name) is None for name in properties):
            yield Fault(path=(at, "devices"), problem=f"names no property: wanted one of {', '.join(properties)}")
        if entry.devices.count is not None and entry.devices.count < 1:
            yield Fault(path=(at, "devices", "count"), problem="wanted 1 or more")
        if entry.name in seen:
            yield Fault(path=(at, "name"), problem="a second entry of this name")
        if entry.runtime_suspend is not None and entry.runtime_suspend.bound is not Bound.EXACTLY:
            yield Fault(path=(at, "runtime_suspend"), problem="a word has no bound")
        seen.add(entry.name)
