"""What `host doctor` says about one thing: its state, what was found, why it matters, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """`missing` is required and not there; `warn` works without, but less well."""

    OK = "ok"
    WARN = "warn"
    MISSING = "missing"


class Area(StrEnum):
    """What kind of thing was looked at; the order in which they are shown."""

    PROGRAMS = "programs"
    PERMISSIONS = "permissions"
    KERNEL = "kernel"
    CLOCK = "clock"
    NETWORK = "network"
    PYTHON = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of a diagnosis. `remedy` is a command or a sentence, empty only where the state is OK."""

    area: Area
    name: str
    state: Health
    found: str
    reason: str
    remedy: str = ""
