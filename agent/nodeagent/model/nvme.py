"""An NVMe drive as its controller tells it: power states, health, firmware slots, sector formats.

What only a command to the drive reveals is None or empty with the reason in `problem`: a captured tree has no drive to
ask, and a controller need not implement everything. Source: NVM Express Base Specification 2.0, figures 275 (Identify
Controller), 276 (power state descriptor), 207 (SMART), 209 (firmware slots); NVM Command Set 1.0, figure 97 (formats).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerState:
    """One power state. `watts` is the most it takes, None where the drive does not say."""

    number: int
    operational: bool = True
    watts: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The SMART log. `warning` is a set of bits, 0 for none; `used_percent` may exceed 100."""

    warning: int
    temperature_celsius: int
    spare_percent: int
    spare_threshold_percent: int
    used_percent: int
    media_errors: int = 0
    warning_celsius: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SectorFormat:
    """How a namespace can be formatted."""

    data_bytes: int
    metadata_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareSlots:
    """Revisions by slot, "" for an empty one; `next` is the slot of the next reset, 0 for the active one."""

    active: int
    next: int
    revisions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmeDrive:
    """The controller behind one block device. `power` is feature 2 as the drive holds it, workload hint included.

    `address` is its PCI function. `name` is "" where there is no controller, or where several lead to the device.
    """

    name: str
    address: str = ""
    serial: str = ""
    power: int | None = None
    power_states: tuple[PowerState, ...] = ()
    health: Health | None = None
    firmware: FirmwareSlots | None = None
    formats: tuple[SectorFormat, ...] = ()
    format_in_use: int | None = None
    problem: str = ""

    @property
    def power_state(self) -> int | None:
        return None if self.power is None else self.power & 0x1F
