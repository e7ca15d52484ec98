"""What is said of a unit, and of systemd itself, by all who only look."""

from nodeagent.model.host_reader import HostReader
from nodeagent.model.unit_state import RUN_UNITS, UnitState


def has_systemd(host: HostReader) -> bool:
    """Does systemd run this machine (sd_booted(3))?"""
    return host.stat(RUN_UNITS).kind == "directory"


def told(unit: UnitState) -> str:
    """`running, enabled`, as a person would say it."""
    if not unit.exists:
        return "not installed"
    runs = {True: "running", False: "stopped", None: "not known whether it runs"}[unit.active]
    return f"{runs}, {unit.enablement}"
