"""Is a systemd unit at work? Asked before anything that could disturb it; not knowing is an answer of its own."""

from dataclasses import dataclass
from enum import StrEnum


class Activity(StrEnum):
    """UNKNOWN is where nothing here tells: no control groups of systemd, or unreadable ones."""

    RUNNING = "running"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitActivity:
    """`pids` are its processes, those of sub-groups included, ascending; `problem` says why it is UNKNOWN."""

    unit: str
    activity: Activity
    pids: tuple[int, ...] = ()
    problem: str = ""
