"""Is what would be done now still what was planned? Anything else stops an apply.

The one difference that is allowed was announced: a deferred step may have got its content, or turned out to be
needless, once the step that it waited for was done.
"""

from collections.abc import Sequence

from nodeagent.model.change import Deferred, Lifetime, PlanItem
from nodeagent.model.errors import RefusedError
from nodeagent.tune.plan import Plan, untold

_SHOWN = 5


def differences(planned: Sequence[PlanItem], now: Sequence[PlanItem]) -> tuple[str, ...]:
    """What differs, in words; empty where `now` is the plan, deferred steps filled in or not."""
    current = {item.key: item for item in now}
    told = [_difference(item, current.get(item.key)) for item in planned]
    expected = [item.key for item in planned]
    told += [f"{item.key}: not planned, but needed now: {summary(item)}" for item in now if item.key not in expected]
    found = tuple(text for text in told if text)
    if not found and [key for key in expected if key in current] != [item.key for item in now]:
        return ("the order of the steps is not the planned one",)
    return found


def check_identity(plan: Plan, *, machine_id: str, boot_id: str, profile_digest: str) -> None:
    """RefusedError where a plan was made for another machine, another boot or another profile."""
    if plan.machine_id != machine_id:
        raise _stale(f"it was made for the machine {plan.hostname} ({plan.machine_id}), this is {machine_id}")
    if plan.profile_digest != profile_digest:
        raise _stale(f"the profile {plan.profile} says something else than when it was made")
    ends_with_boot = any(isinstance(i, Deferred) or i.lifetime is Lifetime.BOOT for i in plan.items)
    if ends_with_boot and plan.boot_id != boot_id:
        raise _stale("the machine was started again since it was made")


def check_fresh(plan: Plan, now: Sequence[PlanItem]) -> None:
    """RefusedError, naming what moved, where other steps would be made now than when the plan was made."""
    if found := differences(plan.items, now):
        raise _stale(shortened(found))


def shortened(texts: Sequence[str]) -> str:
    """The first few of many, one sentence."""
    rest = len(texts) - _SHOWN
    return "; ".join([*texts[:_SHOWN], *([f"and {rest} more"] if rest > 0 else [])])


def summary(item: PlanItem) -> str:
    """One step in a few words."""
    if isinstance(item, Deferred):
        return item.summary
    return f"{item.before_state()} -> {item.after_state()}"


def _difference(planned: PlanItem, now: PlanItem | None) -> str:
    if now is None:
        return (
            "" if isinstance(planned, Deferred) else f"{planned.key}: planned {summary(planned)}, not needed any more"
        )
    if isinstance(planned, Deferred):
        # Filled in, or it waits for another step of the same plan now: what it becomes is looked at when it is known.
        return ""
    if untold(planned) == untold(now):
        return ""
    return f"{planned.key}: planned {summary(planned)}, now it would be {summary(now)}"


def _stale(reason: str) -> RefusedError:
    return RefusedError(f"the plan does not fit any more: {reason}", remedy="make a new one: nodeagent tune plan")
