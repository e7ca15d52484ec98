"""What is asked before the first step of an apply: conflicts, permitted risks, and the right to do it."""

from collections.abc import Collection, Iterable, Sequence

from nodeagent.model.change import PlanItem, Risk
from nodeagent.model.errors import RefusedError
from nodeagent.model.need import NeedKind
from nodeagent.tune.agreement import shortened
from nodeagent.tune.conflicts import Conflict, unanswered
from nodeagent.tune.plan import Plan
from nodeagent.tune.tunable import AnyTunable


def check_plan(plan: Plan, *, allow: Collection[Risk], overrides: Collection[str] = ()) -> None:
    """RefusedError where steps of the plan conflict, or carry a risk that nobody allowed."""
    check_conflicts(plan.conflicts, profile=plan.profile, overrides=overrides)
    if refused := unpermitted(plan.items, allow=allow):
        risks = sorted({item.risk.value for item in refused})
        raise RefusedError(
            f"{len(refused)} steps carry a risk that was not allowed ({', '.join(risks)}): "
            f"{shortened([item.key for item in refused])}",
            remedy=f"read the plan again, then: nodeagent tune apply {allowing(risks)}",
        )


def check_conflicts(conflicts: Sequence[Conflict], *, profile: str, overrides: Collection[str]) -> None:
    """RefusedError for contradictions, and for clashes that nobody overrides."""
    found = unanswered(conflicts, overrides)
    if contradictions := [conflict for conflict in found if not conflict.override]:
        raise RefusedError(
            f"the plan contradicts itself: {shortened([conflict.reason for conflict in contradictions])}",
            remedy=f"leave one of them out (nodeagent profile show {profile}), or choose with --only",
        )
    if found:
        options = " ".join(dict.fromkeys(conflict.override for conflict in found))
        remedies = "; or ".join(dict.fromkeys(conflict.remedy for conflict in found))
        raise RefusedError(
            f"it would do harm: {shortened([f'{conflict.id}: {conflict.reason}' for conflict in found])}",
            remedy=f"{remedies}; where it is meant: nodeagent tune apply {options}",
        )


def allowing(risks: Iterable[str]) -> str:
    """The options that allow these risks."""
    return " ".join(f"--allow {risk}" for risk in risks)


def unpermitted(items: Sequence[PlanItem], *, allow: Collection[Risk]) -> tuple[PlanItem, ...]:
    """Steps whose risk is not allowed; `live` always is."""
    return tuple(item for item in items if item.risk is not Risk.LIVE and item.risk not in allow)


def check_rights(plan: Plan, tunables: Sequence[AnyTunable], *, is_root: bool) -> None:
    """RefusedError, naming who needs it and for what, where root is needed and we are not root."""
    busy = {tunable.tunable for tunable in plan.tunables if tunable.items}
    reasons = [
        f"{tunable.name} ({need.reason})"
        for tunable in tunables
        for need in tunable.needs
        if tunable.name in busy and need.kind is NeedKind.ROOT and not is_root
    ]
    if reasons:
        raise RefusedError(f"only root may apply this: {shortened(reasons)}", remedy="run the same command with sudo")
