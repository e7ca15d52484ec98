"""Stop, start, mask, unmask, enable and disable a systemd unit: systemctl does it, its files say what came of it.

Where systemd is not PID 1 nothing is done. Each verb waits for its job; a stop may take as long as the unit's own
TimeoutStopSec allows, which is 90 seconds unless the unit says more.

Sources: systemctl(1), systemd.service(5) (TimeoutStopSec), sd_booted(3).
"""

from itertools import product
from typing import TYPE_CHECKING

from nodeagent.host.changes.observation import Observation
from nodeagent.host.process import run
from nodeagent.host.units import read_unit, systemd_runs
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError
from nodeagent.model.service_change import SetUnit, UnitCondition

if TYPE_CHECKING:
    from nodeagent.host.host import Host

TIMEOUT_SECONDS = 180.0
_RELOAD_SECONDS = 60.0


def observe(host: "Host", change: SetUnit) -> Observation:
    """`gone` where there is no such unit; HostError where nothing tells whether it runs."""
    unit = read_unit(host, change.unit)
    if not unit.exists:
        return Observation(state="", gone=True)
    looked_at = change.after.active is not None
    if looked_at and unit.active is None:
        raise HostError(
            f"{change.unit}: cannot tell whether it runs: {unit.problem}",
            remedy=f"look at it: systemctl status {change.unit}",
        )
    state = UnitCondition(active=unit.active if looked_at else None, masked=unit.is_masked, links=unit.links)
    return Observation(state=str(state), raw=unit.enablement.value)


def perform(host: "Host", change: SetUnit) -> None:
    """HostError where systemd does not run the machine, or refuses."""
    for verb in change.verbs():
        systemctl(host, verb, change.unit, timeout_seconds=TIMEOUT_SECONDS)


def reload_units(host: "Host") -> None:
    """Have PID 1 read its unit files again; nothing where systemd does not run this machine. HostError."""
    if host.is_live and systemd_runs(host):
        systemctl(host, "daemon-reload", timeout_seconds=_RELOAD_SECONDS)


def systemctl(host: "Host", verb: str, *units: str, timeout_seconds: float) -> None:
    """One verb of systemctl; HostError with what it said."""
    if not (host.is_live and systemd_runs(host)):
        raise HostError(
            f"cannot {verb} {' '.join(units)}: systemd does not run this machine",
            remedy="nodeagent host show tells what does; leave the setting out of the profile",
        )
    operands = ("--", *units) if units else ()
    completed = run(Command(argv=("systemctl", verb, *operands), timeout_seconds=timeout_seconds))
    if completed.ok:
        return
    said = completed.stderr.decode("utf-8", "replace").strip()[-300:] or f"exit code {completed.exit_code}"
    how = f" within {timeout_seconds:g} s" if completed.timed_out else ""
    remedy = f"systemctl status {units[0]}; journalctl -b -u {units[0]}" if units else "journalctl -b _PID=1"
    raise HostError(f"systemctl {verb} {' '.join(units)} failed{how}: {said}", remedy=remedy)


def is_half_done(change: SetUnit, state: str) -> bool:
    """Each of the three is changed by a verb of its own: masked but still active, enabled but not yet started.

    A mask may be lifted in between, where the unit is to be started or enabled under it.
    """
    sides = (change.before, change.after)
    masks = {False, *(side.masked for side in sides)}
    mixed = product({side.active for side in sides}, masks, {side.links for side in sides})
    return state in {str(UnitCondition(active=active, masked=masked, links=links)) for active, masked, links in mixed}
