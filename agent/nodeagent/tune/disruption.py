"""Whom an apply may disturb: nobody who costs money, unless somebody said so; and no link without a way back.

A profile names the units whose disturbance costs money (`validator:`). While a process of one runs, steps of any risk
but `live` are refused; `--allow` says that a risk is known, `--force` that the validator may feel it. Not being able to
tell is taken for "it runs". The way back is treated otherwise:

- Recovery, the guard of a confirm window and the undoing of an apply that failed are never held up: what they restore
  is the state in which the validator ran before.
- A rollback on request always restores what is live or flaps a link, since a link that is wrong is the worse evil; what
  destroys VFs, restarts services or waits for a reboot it restores while the validator runs only with `--force`.
"""

from collections.abc import Iterable, Sequence

from nodeagent.host import Host
from nodeagent.host.unit_activity import unit_activity
from nodeagent.model.change import Change, Deferred, PlanItem, Risk
from nodeagent.model.errors import RefusedError
from nodeagent.model.unit_activity import Activity, UnitActivity
from nodeagent.tune.agreement import shortened
from nodeagent.tune.tunable import AnyTunable

CONFIRM_SECONDS = 120.0
"""The window of an apply that may cut links, where nobody asked for another."""

LINK_AFFECTING = frozenset({Risk.LINK_FLAP, Risk.VF_DESTROYING})
_ALWAYS_RESTORED = frozenset({Risk.LIVE, Risk.LINK_FLAP})


def risks_to_allow(items: Iterable[PlanItem]) -> tuple[Risk, ...]:
    """The risks of these steps that need `--allow`, mildest first."""
    found = {item.risk for item in items}
    return tuple(risk for risk in Risk if risk in found and risk is not Risk.LIVE)


def default_window(items: Iterable[PlanItem], tunables: Sequence[AnyTunable]) -> float | None:
    """Seconds in which an apply of these steps must be confirmed where nobody asked for a window; None for no window.

    A tunable that is known after apply as a whole may turn out to carry the worst risk that it declares.
    """
    worst = {tunable.name: tunable.risk for tunable in tunables}
    affects = any(
        item.risk in LINK_AFFECTING
        or (isinstance(item, Deferred) and item.whole and worst.get(item.tunable) in LINK_AFFECTING)
        for item in items
    )
    return CONFIRM_SECONDS if affects else None


def in_the_way(host: Host, units: Iterable[str]) -> tuple[UnitActivity, ...]:
    """Those of the units that run, or of which nobody can say that they don't."""
    seen = (unit_activity(host, unit) for unit in dict.fromkeys(units))
    return tuple(unit for unit in seen if unit.activity is not Activity.STOPPED)


def check_undisturbed(host: Host, units: Iterable[str], items: Sequence[PlanItem], *, force: bool) -> None:
    """RefusedError, naming unit, processes and steps, where these steps would disturb a unit at work."""
    _check(host, units, [item for item in items if item.risk is not Risk.LIVE], force=force, doing="apply")


def check_rollback(host: Host, units: Iterable[str], changes: Sequence[Change], *, force: bool) -> None:
    """The same for a rollback on request, of the steps that it may not restore under a validator's feet."""
    restored = [change for change in changes if change.risk not in _ALWAYS_RESTORED and change.inverse() is not None]
    _check(host, units, restored, force=force, doing="rollback")


def told(unit: UnitActivity) -> str:
    """`sol.service runs (1 process: 4711)`, or why nobody can say."""
    if unit.activity is Activity.UNKNOWN:
        return f"nobody can say whether {unit.unit} runs: {unit.problem}"
    number = len(unit.pids)
    shown = ", ".join(map(str, unit.pids[:5])) + (", ..." if number > 5 else "")
    return f"{unit.unit} runs ({number} process{'' if number == 1 else 'es'}: {shown})"


def _check(host: Host, units: Iterable[str], items: Sequence[PlanItem], *, force: bool, doing: str) -> None:
    if force or not items:
        return
    if not (busy := in_the_way(host, units)):
        return
    steps = shortened([f"{item.key} ({item.risk})" for item in items])
    names = " ".join(unit.unit for unit in busy)
    raise RefusedError(
        f"{'; '.join(told(unit) for unit in busy)}. It could feel {len(items)} of the steps: {steps}",
        remedy=f"stop it first (systemctl stop {names}), or, knowing what it costs: nodeagent tune {doing} --force",
    )
