"""Carry out a plan: every old value on disk first, every write read back, nothing that was not planned.

When anything is not as planned the apply stops and undoes what it did. A journal that can't be written stops everything
at once, the undoing too: without a record nothing may be written, and the next start tidies up.

`apply` needs a session and data only, so that a test can run it in a forked child and kill it at any system call.
"""

from collections.abc import Sequence
from pathlib import Path

from nodeagent.model.change import Change, Deferred, PlanItem, WriteCoupled, WriteFile
from nodeagent.model.errors import JournalError, NodeagentError, RefusedError
from nodeagent.model.facts import HostFacts
from nodeagent.model.network_change import SetVf
from nodeagent.model.verdict import State, Verdict
from nodeagent.tune import boot_profile, confirm, guard, reserve
from nodeagent.tune.agreement import check_fresh, check_identity, differences, shortened
from nodeagent.tune.apply_result import ApplyOutcome, ApplyResult, Order
from nodeagent.tune.asking import enabled_tunables, plan_items
from nodeagent.tune.clashes import find_clashes
from nodeagent.tune.clashes.situation import Situation
from nodeagent.tune.conflicts import Conflict, revealed_conflicts, unanswered
from nodeagent.tune.disruption import check_undisturbed
from nodeagent.tune.gate import check_conflicts, check_plan, unpermitted
from nodeagent.tune.ledger import Kind
from nodeagent.tune.plan import plan_all
from nodeagent.tune.progress import Step
from nodeagent.tune.record import RecordType
from nodeagent.tune.recover import recover
from nodeagent.tune.session import Session
from nodeagent.tune.step import StepError, carry_out
from nodeagent.tune.undo.script import remove_old_scripts, write_undo_script
from nodeagent.tune.undo.undo import Fate, UndoStep, undo
from nodeagent.tune.verify import verify
from nodeagent.version import VERSION

_STEPS_OF_A_WHOLE = 256
"""Every queue of a large port has an interrupt, and every interrupt may move."""


class _Interrupted(Exception):
    """Somebody asked to stop; what was done stays."""


def apply(session: Session, order: Order) -> ApplyResult:
    """Carry out the plan, after `tidy_up` (which whoever makes the plan should have called before).

    RefusedError where the plan conflicts, carries a risk that is not allowed or that a running validator could feel,
    does not fit the machine any more, or where an unconfirmed apply waits; nothing of the plan was done then.
    JournalError where a record can't be kept; what was done until then stands and is recorded. Everything else that
    goes wrong is undone and told in the result.
    """
    check_plan(order.plan, allow=order.allow, overrides=order.overrides)
    check_undisturbed(session.host, order.profile.validator.units, order.plan.items, force=order.force)
    facts = order.placed_facts()
    check_identity(
        order.plan,
        machine_id=facts.platform.machine_id,
        boot_id=session.boot_id,
        profile_digest=order.profile.digest,
    )
    reserve.take(session.state_directory, steps=sum(_records(item) for item in order.plan.items))
    recovered = tidy_up(session)
    run = _Run(session, order, facts=order.placed_facts() if recovered else facts, recovered=recovered)
    run.check_fresh()
    run.check_clashes(order.plan.items)
    return run.run() if order.plan.items else run.nothing()


def tidy_up(session: Session) -> tuple[UndoStep, ...]:
    """Undo what a dead process or an unanswered confirmation left; what became of it.

    RefusedError where that is not possible, or where an apply still waits for its confirmation.
    """
    recovery = recover(session)
    boot_profile.settle(session)
    failed = [f"{step.key}: {step.detail}" for step in recovery.steps if step.fate is Fate.FAILED]
    if failed:
        raise RefusedError(
            f"leftovers of an earlier run could not be undone: {shortened(failed)}", remedy="nodeagent tune rollback"
        )
    if recovery.waiting is not None:
        raise RefusedError(
            f"{recovery.waiting.id} still waits for its confirmation",
            remedy="nodeagent tune confirm, or nodeagent tune rollback",
        )
    return recovery.steps


class _Run:
    """One apply under way."""

    def __init__(self, session: Session, order: Order, *, facts: HostFacts, recovered: tuple[UndoStep, ...]) -> None:
        self.session = session
        self.order = order
        self.plan = order.plan
        self._known_facts: HostFacts | None = facts
        self.recovered = recovered
        self.transaction = session.clock.new_name()
        self.applied: list[Change] = []
        self.overridden: dict[str, str] = {}
        self.scripted = list(order.plan.changes)
        self.script: Path | None = None
        self.total = len(order.plan.items)
        self.tunables = {tunable.name: tunable for tunable in order.tunables}
        self.waited_for = {deferred.waits_for for deferred in order.plan.deferred}

    @property
    def facts(self) -> HostFacts:
        """Read again where a step made something since; only when somebody asks, for most steps nobody does."""
        if self._known_facts is None:
            self._known_facts = self.order.placed_facts()
        return self._known_facts

    def check_fresh(self) -> None:
        """Is the whole of it still what was planned? Asked before anything is written."""
        host, profile = self.session.host, self.order.profile
        enabled = enabled_tunables(profile, self.order.tunables, only=self.plan.only or None)
        now = [item for _, _, items in plan_all(host, enabled, profile, self.facts) for item in items]
        check_fresh(self.plan, now)

    def check_clashes(self, items: Sequence[PlanItem]) -> None:
        """RefusedError where these steps would do harm on this machine and nobody overrides it."""
        found = self._clashes(items)
        check_conflicts(found, profile=self.plan.profile, overrides=self.order.overrides)
        self.overridden |= {conflict.id: conflict.overridden or conflict.override for conflict in found}

    def _clashes(self, items: Sequence[PlanItem]) -> tuple[Conflict, ...]:
        host, profile = self.session.host, self.order.profile
        return find_clashes(Situation(items=items, facts=self.facts, host=host, profile=profile))

    def nothing(self) -> ApplyResult:
        if self.order.remember:
            boot_profile.keep(self.session, self._candidate())
        return ApplyResult(outcome=ApplyOutcome.NOTHING, verdicts=self._verify(), recovered=self.recovered)

    def _candidate(self) -> boot_profile.Candidate:
        order = self.order
        return boot_profile.Candidate(
            profile=order.profile, only=self.plan.only, allow=order.allow, overrides=order.overrides
        )

    def run(self) -> ApplyResult:
        self._begin()
        try:
            self._prepare()
            for tunable in self.plan.tunables:
                self._apply_tunable(tunable.tunable, list(tunable.items))
            verdicts = self._verified()
        except _Interrupted:
            return self._end(ApplyOutcome.INTERRUPTED)
        except JournalError:
            raise
        except Exception as error:
            # A defect, of a tunable or ours, is no reason to leave half of a plan behind.
            return self._stop(error)
        return self._end(ApplyOutcome.APPLIED, verdicts=verdicts)

    def _begin(self) -> None:
        standing = {intent.transaction for intent in self.session.ledger.owned()}
        remove_old_scripts(self.session, keep=standing)
        guard.remove_old_notes(self.session.state_directory, keep=standing)
        self.session.journal.append(
            RecordType.BEGIN,
            self.transaction,
            kind=Kind.APPLY.value,
            plan_digest=self.plan.digest,
            profile=self.plan.profile,
            profile_digest=self.plan.profile_digest,
            machine_id=self.plan.machine_id,
            steps=self.total,
            validator_units=list(self.order.profile.validator.units),
            overridden=self.overridden,
            version=VERSION,
        )
        self.session.tell(Step.BEGUN, self.transaction, total=self.total)

    def _prepare(self) -> None:
        """The two ways back that need no live agent, before the first change, and what the next boot will need."""
        if self.order.remember:
            boot_profile.note(self.session, self.transaction, self._candidate())
        if self.order.confirm_within_seconds is not None:
            confirm.arm(
                self.session,
                self.transaction,
                within_seconds=self.order.confirm_within_seconds,
                start=self.order.start_guard,
            )
        self.script = write_undo_script(self.session, self.transaction, self.scripted)

    def _apply_tunable(self, name: str, planned: list[PlanItem]) -> None:
        if not planned:
            return
        if isinstance(planned[0], Deferred) and planned[0].whole:
            planned = self._reveal(name)
        else:
            self._replan(name, planned)
        while planned:
            item = planned.pop(0)
            change = self._fill(name, item, planned) if isinstance(item, Deferred) else item
            if change is not None:
                self._make(change)
        self.session.tell(Step.TUNABLE_DONE, self.transaction, text=name)

    def _replan(self, name: str, planned: Sequence[PlanItem]) -> tuple[PlanItem, ...]:
        """What the tunable would do now, which must be what is still to be done of the plan."""
        now = plan_items(self.session.host, self.tunables[name], self.order.profile, self.facts)
        if found := differences(planned, now):
            raise StepError(
                f"the machine moved while the plan was applied: {shortened(found)}",
                "find out who changes it, then make a new plan: nodeagent tune plan",
            )
        return now

    def _reveal(self, name: str) -> list[PlanItem]:
        """The steps of a tunable that was deferred as a whole, now that its objects are there."""
        now = list(plan_items(self.session.host, self.tunables[name], self.order.profile, self.facts))
        check_undisturbed(self.session.host, self.order.profile.validator.units, now, force=self.order.force)
        if refused := unpermitted(now, allow=self.order.allow):
            raise StepError(f"{refused[0].key} turned out to carry the risk {refused[0].risk}, which was not allowed")
        if conflicts := revealed_conflicts(self.applied, now):
            raise StepError(f"what {name} turned out to need contradicts the plan: {conflicts[0].reason}")
        if clashes := unanswered(self._clashes(now), self.order.overrides):
            raise StepError(f"what {name} turned out to need would do harm: {clashes[0].id}: {clashes[0].reason}")
        self.scripted += [item for item in now if isinstance(item, Change)]
        write_undo_script(self.session, self.transaction, self.scripted)
        self.total += len(now) - 1
        return now

    def _fill(self, name: str, deferred: Deferred, rest: Sequence[PlanItem]) -> Change | None:
        """What stands under the key of a deferred step now; None where it proved needless."""
        now = self._replan(name, [deferred, *rest])
        found = next((item for item in now if item.key == deferred.key), None)
        if isinstance(found, Deferred):
            raise StepError(f"{deferred.key} is still not known after {deferred.waits_for} was set")
        if found is None:
            return None
        if unpermitted([found], allow=self.order.allow):
            raise StepError(f"{found.key} turned out to carry the risk {found.risk}, which was not allowed")
        self.scripted.append(found)
        write_undo_script(self.session, self.transaction, self.scripted)
        return found

    def _make(self, change: Change) -> None:
        if self.order.interrupted():
            raise _Interrupted
        self._check_window()
        carry_out(self.session, self.transaction, change, number=len(self.applied) + 1, total=self.total)
        self.applied.append(change)
        if change.key in self.waited_for or not isinstance(change, WriteFile | WriteCoupled | SetVf):
            # What was made is a fact now, and later tunables look at facts; one switch can take CPUs away.
            self._known_facts = None

    def _check_window(self) -> None:
        transaction = self.session.ledger.transactions[self.transaction]
        now = self.session.clock.boottime_seconds()
        if transaction.window_is_over(boot_id=self.session.boot_id, boottime_seconds=now):
            raise StepError(
                "the time to confirm was over before the last change was made", "give it more: --confirm-within"
            )

    def _verify(self) -> tuple[Verdict, ...]:
        only = self.plan.only or None
        return verify(self.session.host, self.order.profile, self.facts, self.order.tunables, only=only)

    def _verified(self) -> tuple[Verdict, ...]:
        """Judge once all is done: one change may have undone another, or somebody else may have."""
        verdicts = self._verify()
        ours = {change.key for change in self.applied}
        drifted = [
            f"{finding.subject}: got {finding.got!r}, wanted {finding.wanted!r}"
            for verdict in verdicts
            for finding in verdict.findings
            if finding.subject in ours and finding.state is State.DRIFT and not finding.optional
        ]
        if drifted:
            raise StepError(f"verify found drift right after the apply: {shortened(drifted)}")
        states = {verdict.tunable: verdict.state.value for verdict in verdicts}
        self.session.journal.append(RecordType.VERIFIED, self.transaction, states=states)
        self.session.tell(Step.VERIFIED, self.transaction)
        return verdicts

    def _stop(self, error: Exception) -> ApplyResult:
        """Undo what was done; where nothing was, the apply was refused."""
        problem, remedy = _told(error)
        mine = self.session.ledger.transactions[self.transaction]
        if not mine.intents:
            self._end(ApplyOutcome.REFUSED)
            raise RefusedError(problem, remedy=remedy) from error
        undone = undo(self.session, [intent for intent in mine.intents if intent.owned], transaction=self.transaction)
        return self._end(ApplyOutcome.ROLLED_BACK, undone=undone, problem=problem, remedy=remedy)

    def _end(
        self,
        outcome: ApplyOutcome,
        *,
        verdicts: tuple[Verdict, ...] = (),
        undone: tuple[UndoStep, ...] = (),
        problem: str = "",
        remedy: str = "",
    ) -> ApplyResult:
        self.session.journal.append(RecordType.END, self.transaction, outcome=outcome.value, problem=problem)
        self.session.tell(Step.ENDED, self.transaction, text=outcome.value)
        boot_profile.settle(self.session)
        armed = self.session.ledger.transactions[self.transaction].armed
        if armed and outcome in (ApplyOutcome.ROLLED_BACK, ApplyOutcome.REFUSED):
            self.order.end_guard(armed.guard)
        return ApplyResult(
            outcome=outcome,
            transaction=self.transaction,
            applied=tuple(self.applied),
            total=self.total,
            problem=problem,
            remedy=remedy,
            undone=undone,
            recovered=self.recovered,
            verdicts=verdicts,
            undo_script=self.script,
            confirm_within_seconds=self.order.confirm_within_seconds if armed else None,
        )


def _records(item: PlanItem) -> int:
    """How many steps an item may come to, for the room that their records need."""
    return _STEPS_OF_A_WHOLE if isinstance(item, Deferred) and item.whole else 1


def _told(error: Exception) -> tuple[str, str]:
    """Problem and remedy of any error."""
    if isinstance(error, StepError):
        return error.problem, error.remedy
    if isinstance(error, NodeagentError):
        return error.message, error.remedy or ""
    return f"{type(error).__name__}: {error}", "report what --debug prints: this is a defect of nodeagent"
