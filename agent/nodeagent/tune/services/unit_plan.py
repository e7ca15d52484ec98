"""One systemd unit held against what is wanted of it: the finding, and the change that would mend it.

Only what has an exact way back is changed. Enabling makes the links that [Install] names, so a unit whose links are
others could not be enabled again as it was; `Also=` would take other units along; and a unit file that lies in
/etc/systemd/system itself can't be masked, because the mask would have to stand in its place.

Sources: systemctl(1), systemd.unit(5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nodeagent.model.change import Risk
from nodeagent.model.service_change import SetUnit, UnitCondition
from nodeagent.model.setting import Setting
from nodeagent.model.unit_state import ETC_UNITS, Enablement, UnitState
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.knob import APPLY_REMEDY, Comparison, enforced
from nodeagent.tune.reasoned import reasoned
from nodeagent.tune.services.unit_words import told


class Wanted(StrEnum):
    """What a unit should be. `stopped` lasts until something starts it, `disabled` until somebody does."""

    RUNNING = "running"
    STOPPED = "stopped"
    DISABLED = "disabled"
    MASKED = "masked"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedUnit:
    """`has_systemd` says whether systemd runs the machine; `family` gives the ids of findings (`NA-OWNER`)."""

    unit: UnitState
    wanted: Wanted
    setting: Setting[Any]
    key: str
    tunable: str
    has_systemd: bool
    note: str = ""


def compare_unit(item: WantedUnit) -> Comparison:
    """Hold a unit against what is wanted; a change only where it can be undone exactly."""
    if not item.has_systemd:
        remedy = "systemd does not run this machine; leave it out of the profile or set its mode to ignore"
        return Comparison(finding=_finding(item, State.NOT_APPLICABLE, got="no systemd", remedy=remedy))
    if _is_as_wanted(item):
        return Comparison(finding=_finding(item, State.OK))
    if item.unit.active is None and item.unit.exists:
        remedy = f"{item.unit.problem}; look at it: systemctl status {item.unit.name}"
        return Comparison(finding=_finding(item, State.UNKNOWN, remedy=remedy))
    if (why := _no_way(item)) is not None:
        return Comparison(finding=_finding(item, State.UNKNOWN, remedy=why, id="NA-UNIT-001"))
    change = SetUnit(
        key=item.key,
        tunable=item.tunable,
        risk=Risk.SERVICE_RESTART,
        why=item.setting.why,
        source=item.setting.source,
        unit=item.unit.name,
        before=condition(item.unit),
        after=_after(item),
    )
    return Comparison(finding=_finding(item, State.DRIFT), change=change if enforced(item.setting) else None)


def condition(unit: UnitState) -> UnitCondition:
    """What can be changed about a unit, as it is."""
    return UnitCondition(active=unit.active, masked=unit.is_masked, links=unit.links)


def _is_as_wanted(item: WantedUnit) -> bool:
    unit = item.unit
    off = unit.active is False or not unit.fragment
    match item.wanted:
        case Wanted.RUNNING:
            return unit.active is True and not unit.mask and bool(unit.links or not unit.install)
        case Wanted.STOPPED:
            return off
        case Wanted.DISABLED:
            return off and (bool(unit.mask) or not (unit.links or _starts_by_itself(unit)))
        case Wanted.MASKED:
            return off and (unit.enablement is Enablement.MASKED or not unit.exists)


def _starts_by_itself(unit: UnitState) -> bool:
    """Made by a generator from a script of init or from fstab, which no link in /etc switches off."""
    return unit.enablement is Enablement.GENERATED


def _after(item: WantedUnit) -> UnitCondition:
    unit = item.unit
    match item.wanted:
        case Wanted.RUNNING:
            return UnitCondition(active=True, masked=False, links=unit.links or unit.install)
        case Wanted.STOPPED:
            return UnitCondition(active=False, masked=unit.is_masked, links=unit.links)
        case Wanted.DISABLED:
            return UnitCondition(active=False, masked=unit.is_masked, links=() if not unit.mask else unit.links)
        case Wanted.MASKED:
            return UnitCondition(active=False, masked=True, links=unit.links)


def _no_way(item: WantedUnit) -> str | None:
    """Why it can't be done, or not undone; None where it can."""
    unit, after = item.unit, _after(item)
    if not unit.fragment and item.wanted is Wanted.RUNNING:
        return item.note or f"{unit.name} is not installed"
    if item.wanted is Wanted.RUNNING and unit.mask and not unit.is_masked:
        return f"it is masked by {unit.mask}: systemctl unmask --runtime {unit.name}"
    if unit.active and not after.active and unit.mask and not unit.is_masked:
        return f"it runs though {unit.mask} masks it, so it could not be started again; stop it yourself"
    if after.masked and not unit.is_masked and unit.fragment.startswith(f"{ETC_UNITS}/"):
        return f"its unit file lies in the place of a mask ({unit.fragment}); want `disabled` instead"
    if item.wanted is Wanted.DISABLED and _starts_by_itself(unit):
        return "a generator makes it at each boot, so there is nothing to disable; want `masked` instead"
    if after.links != unit.links:
        return _inexact_links(unit)
    return None


def _inexact_links(unit: UnitState) -> str | None:
    if unit.also:
        return f"[Install] takes {', '.join(unit.also)} along; want `masked`, or run systemctl yourself"
    if unit.is_linked:
        return f"disabling would remove the link {unit.fragment}; want `masked`, or run systemctl yourself"
    if unit.links and unit.links != unit.install:
        return (
            f"it is enabled by {_listed(unit.links)} and would come back by {_listed(unit.install)}; "
            "want `masked`, or run systemctl yourself"
        )
    return None


def _listed(links: Sequence[str]) -> str:
    return ", ".join(links) or "nothing"


def _finding(item: WantedUnit, state: State, *, got: str = "", remedy: str = "", id: str | None = None) -> Finding:
    needs_remedy = state is not State.OK and not remedy
    return reasoned(
        subject=item.key,
        state=state,
        got=got or told(item.unit),
        wanted=item.wanted.value,
        remedy=APPLY_REMEDY if needs_remedy else remedy,
        setting=item.setting,
        id=id,
    )
