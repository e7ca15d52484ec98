"""At boot: bring back what ended with the last one, as it was confirmed, and leave the machine reachable.

Only the last confirmed profile counts (tune/boot_profile.py), and of it only what a boot takes away: settings of the
kernel. What is persistent is looked at and told; filesystems are never made, VFs in use never destroyed, nothing is
restarted. Steps that affect links are made only if they were allowed then, only while the network is up (nobody could
tell otherwise whether they cut it), and only under a guard: links and gateways must be back within a minute, or the
apply is undone. A failure undoes what was done and is told; the validator is not kept from starting.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nodeagent.host.reachability import Reach
from nodeagent.model.change import Change, Deferred, Lifetime, PlanItem, Risk
from nodeagent.model.errors import ExitCode, HostError
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.verdict import Verdict
from nodeagent.tune import boot_profile, guard
from nodeagent.tune.apply import apply, tidy_up
from nodeagent.tune.apply_result import ApplyOutcome, ApplyResult, Order
from nodeagent.tune.confirm import confirm
from nodeagent.tune.disruption import default_window, in_the_way, told
from nodeagent.tune.plan import make_plan
from nodeagent.tune.recover import undo_unconfirmed
from nodeagent.tune.session import Session
from nodeagent.tune.tunable import AnyTunable
from nodeagent.tune.undo.undo import UndoStep

BACK_WITHIN_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_EVER = frozenset({Risk.LIVE, Risk.LINK_FLAP})


class BootOutcome(StrEnum):
    """How it ended; the words stand in the record of the boot."""

    NOTHING_CONFIRMED = "nothing-confirmed"
    UNCHANGED = "unchanged"
    APPLIED = "applied"
    UNDONE = "undone"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BootOrder:
    """`look` says what is reachable; the others are as in `Order`. `pause` waits some seconds."""

    tunables: Sequence[AnyTunable]
    read_facts: Callable[[], HostFacts]
    look: Callable[[], Reach]
    start_guard: guard.Start = guard.start
    pause: Callable[[float], None] = field(default=time.sleep)
    interrupted: Callable[[], bool] = field(default=lambda: False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootResult:
    """`left_out` are steps that a boot does not make, `notes` why some were not tried."""

    outcome: BootOutcome
    profile: str = ""
    transaction: str | None = None
    applied: tuple[Change, ...] = ()
    recovered: tuple[UndoStep, ...] = ()
    undone: tuple[UndoStep, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    remedy: str = ""
    verdicts: tuple[Verdict, ...] = ()
    exit_code: ExitCode = ExitCode.OK


def run_boot(session: Session, order: BootOrder) -> BootResult:
    """Recover, then apply the last confirmed profile as far as a boot may. NodeagentError where it can't even begin."""
    recovered = tidy_up(session)
    boot_profile.settle(session)
    kept = boot_profile.read(session.state_directory, order.tunables)
    if kept is None:
        return BootResult(outcome=BootOutcome.NOTHING_CONFIRMED, recovered=recovered)
    before = order.look()
    allow, notes = _allowed(session, kept, before)
    tunables = tuple(_AtBoot(tunable, allow) for tunable in order.tunables)
    plan = make_plan(session.host, kept.profile, order.read_facts(), tunables)
    window = default_window(plan.items, tunables) if Risk.LINK_FLAP in allow else None
    result = apply(
        session,
        Order(
            plan=plan,
            profile=kept.profile,
            tunables=tunables,
            read_facts=order.read_facts,
            allow=allow,
            overrides=kept.overrides,
            remember=False,
            confirm_within_seconds=window,
            start_guard=order.start_guard,
            interrupted=order.interrupted,
        ),
    )
    lost: tuple[str, ...] = ()
    undone = result.undone
    if result.outcome is ApplyOutcome.APPLIED and result.confirm_within_seconds is not None:
        lost = _wait(order, before)
        undone = _end_of_window(session, result, lost)
    left_out = tuple(dict.fromkeys(key for tunable in tunables for key in tunable.left_out))
    return _told(kept, result, recovered=recovered, undone=undone, left_out=left_out, notes=notes, lost=lost)


def _allowed(
    session: Session, kept: boot_profile.BootProfile, before: Reach
) -> tuple[frozenset[Risk], tuple[str, ...]]:
    """What was allowed when it was confirmed, as far as a boot ever may, and why it is less now."""
    allow = (kept.allow & _EVER) | {Risk.LIVE}
    if Risk.LINK_FLAP not in allow:
        return allow, ()
    notes = [f"{told(unit)}: only live settings are made" for unit in in_the_way(session.host, _units(kept))]
    if before.blind:
        notes.append("no link has carrier, so nobody could tell whether a change cut it: only live settings are made")
    return (frozenset({Risk.LIVE}) if notes else allow), tuple(notes)


def _units(kept: boot_profile.BootProfile) -> tuple[str, ...]:
    return kept.profile.validator.units


def _wait(order: BootOrder, before: Reach) -> tuple[str, ...]:
    """Until all that was reachable is so again; what is not, when the time is over."""
    left = BACK_WITHIN_SECONDS
    while (lost := before.lost(order.look())) and left > 0:
        order.pause(_LOOK_SECONDS)
        left -= _LOOK_SECONDS
    return lost


def _end_of_window(session: Session, result: ApplyResult, lost: Sequence[str]) -> tuple[UndoStep, ...]:
    """Confirm, or undo at once and not only when the guard does."""
    assert result.transaction is not None  # it was applied
    if not lost:
        confirm(session, result.transaction)
        return ()
    transaction = session.ledger.transactions[result.transaction]
    undone = undo_unconfirmed(session, transaction)
    if transaction.armed is not None:
        guard.end(transaction.armed.guard)
    return undone


def _told(
    kept: boot_profile.BootProfile,
    result: ApplyResult,
    *,
    recovered: tuple[UndoStep, ...],
    undone: tuple[UndoStep, ...],
    left_out: tuple[str, ...],
    notes: tuple[str, ...],
    lost: tuple[str, ...],
) -> BootResult:
    problem, remedy = result.problem, result.remedy
    if lost:
        problem = f"after {BACK_WITHIN_SECONDS:g} s: {'; '.join(lost)}; what had been set was undone"
        remedy = "apply it by hand from the console and look: nodeagent tune apply --confirm-within 120s"
    outcome = {ApplyOutcome.NOTHING: BootOutcome.UNCHANGED, ApplyOutcome.APPLIED: BootOutcome.APPLIED}.get(
        result.outcome, BootOutcome.UNDONE if undone else BootOutcome.FAILED
    )
    code = result.exit_code
    return BootResult(
        outcome=BootOutcome.UNDONE if lost else outcome,
        profile=kept.profile.name,
        transaction=result.transaction,
        applied=() if lost else result.applied,
        recovered=recovered,
        undone=undone,
        left_out=left_out,
        notes=notes,
        problem=problem,
        remedy=remedy,
        verdicts=result.verdicts,
        exit_code=ExitCode.ROLLED_BACK if lost else code,
    )


class _AtBoot:
    """A tunable of which only those steps are left that a boot may make; it judges as ever."""

    def __init__(self, inner: AnyTunable, allow: frozenset[Risk]) -> None:
        self.inner = inner
        self.allow = allow
        self.left_out: list[str] = []
        self.name, self.summary, self.risk, self.needs = inner.name, inner.summary, inner.risk, inner.needs
        self.follows, self.sources, self.Settings = inner.follows, inner.sources, inner.Settings

    def observe(self, host: HostReader, settings: Any, facts: HostFacts) -> Any:
        return self.inner.observe(host, settings, facts)

    def plan(self, observed: Any, settings: Any, facts: HostFacts) -> tuple[PlanItem, ...]:
        items = tuple(self.inner.plan(observed, settings, facts))
        kept = tuple(self._made_at_boot(items))
        self.left_out += [item.key for item in items if item not in kept]
        return kept

    def judge(self, observed: Any, settings: Any, facts: HostFacts) -> Verdict:
        return self.inner.judge(observed, settings, facts)

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return self.inner.supported(host, facts)

    def _made_at_boot(self, items: Iterable[PlanItem]) -> Iterator[PlanItem]:
        made: set[str] = set()
        for item in items:
            fits = item.waits_for in made if isinstance(item, Deferred) else item.lifetime is Lifetime.BOOT
            if fits and item.risk in self.allow:
                made.add(item.key)
                yield item


def failed(error: Exception, *, recovered: tuple[UndoStep, ...] = ()) -> BootResult:
    """What is told of an error that ended it before anything was applied."""
    remedy = getattr(error, "remedy", None) or "nodeagent tune apply, by hand"
    code = getattr(error, "exit_code", HostError.exit_code)
    message = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
    return BootResult(outcome=BootOutcome.FAILED, problem=message, remedy=remedy, exit_code=code, recovered=recovered)
