"""Roll back on request: everything, one apply, one tunable or one key, to what was there before we came.

Idempotent: what is back is no longer ours, so a second rollback has nothing to do; what was kept is reported again.
"""

from dataclasses import dataclass

from nodeagent.model.errors import ExitCode, RefusedError, UsageError
from nodeagent.tune import boot_profile
from nodeagent.tune.disruption import check_rollback
from nodeagent.tune.ledger import Intent, Kind, Ledger
from nodeagent.tune.progress import Step
from nodeagent.tune.record import RecordType
from nodeagent.tune.recover import recover
from nodeagent.tune.session import Session
from nodeagent.tune.undo.undo import Fate, UndoStep, exit_code, undo

ENDED = "rolled-back"

_CAN_BE_GIVEN_UP = {Fate.CONFLICT, Fate.ORPHAN, Fate.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to roll back; nothing given is everything, several given must all hold."""

    transaction: str | None = None
    tunable: str | None = None
    key: str | None = None

    def picks(self, intent: Intent) -> bool:
        return (
            self.transaction in (None, intent.transaction)
            and self.tunable in (None, intent.change.tunable)
            and self.key in (None, intent.key)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackResult:
    """`recovered` is what had to be tidied up first; `disowned` are keys given up on request."""

    transaction: str | None
    steps: tuple[UndoStep, ...] = ()
    recovered: tuple[UndoStep, ...] = ()
    disowned: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        kept = [step for step in (*self.recovered, *self.steps) if step.key not in self.disowned]
        return exit_code(kept)


def rollback(
    session: Session, selection: Selection | None = None, *, disown: bool = False, force: bool = False
) -> RollbackResult:
    """Undo what `selection` picks (None: everything) of what is still ours.

    `disown` gives up the keys that can't be restored because somebody else changed them, they are gone, or nobody can
    tell: their present state counts as original from then on. UsageError for a selection that names nothing known;
    RefusedError where a later apply stands over the one to undo, or where a running validator could feel it and `force`
    is not given; nothing was changed then. JournalError.
    """
    wanted = selection or Selection()
    _check_known(session.ledger, wanted)
    recovered = recover(session).steps
    intents = [intent for intent in session.ledger.owned() if wanted.picks(intent)]
    _refuse_buried(session.ledger, intents, wanted)
    changes = [intent.change for intent in intents]
    check_rollback(session.host, _validator_units(session.ledger, intents), changes, force=force)
    if wanted == Selection():
        boot_profile.forget(session.state_directory, None)
    if not intents:
        return RollbackResult(transaction=None, recovered=recovered)
    name = session.clock.new_name()
    session.journal.append(RecordType.BEGIN, name, kind=Kind.ROLLBACK.value, selection=_to_body(wanted))
    session.tell(Step.BEGUN, name)
    boot_profile.forget(session.state_directory, {intent.change.tunable for intent in intents})
    steps = undo(session, intents, transaction=name)
    given_up = _disown(session, name, steps) if disown else ()
    session.journal.append(RecordType.END, name, outcome=ENDED)
    session.tell(Step.ENDED, name)
    return RollbackResult(transaction=name, steps=steps, recovered=recovered, disowned=given_up)


def _check_known(ledger: Ledger, wanted: Selection) -> None:
    if wanted.transaction is not None and wanted.transaction not in ledger.transactions:
        raise UsageError(
            f"there is no transaction {wanted.transaction!r} in the journal", remedy="nodeagent tune history"
        )
    known = list(ledger.intents.values())
    if wanted.key is not None and all(intent.key != wanted.key for intent in known):
        raise UsageError(f"the journal knows no key {wanted.key!r}", remedy="nodeagent tune history")
    if wanted.tunable is not None and all(intent.change.tunable != wanted.tunable for intent in known):
        raise UsageError(f"nothing of a tunable {wanted.tunable!r} was ever changed", remedy="nodeagent tune history")


def _refuse_buried(ledger: Ledger, intents: list[Intent], wanted: Selection) -> None:
    """A later apply set the same key: undoing the earlier one would take away the later one's ground."""
    if wanted.transaction is None:
        return
    last = {intent.key: intent.seq for intent in intents}
    for later in ledger.owned():
        if later.seq > last.get(later.key, later.seq) and later.transaction != wanted.transaction:
            raise RefusedError(
                f"{later.key} was changed again by {later.transaction}, after {wanted.transaction}",
                remedy=f"nodeagent tune rollback --txn {later.transaction}",
            )


def _validator_units(ledger: Ledger, intents: list[Intent]) -> list[str]:
    """What the profiles of these applies called their validator: a rollback is given no profile."""
    transactions = (ledger.transactions[intent.transaction] for intent in intents)
    return [unit for transaction in transactions for unit in transaction.body.get("validator_units", ())]


def _disown(session: Session, transaction: str, steps: tuple[UndoStep, ...]) -> tuple[str, ...]:
    keys = tuple(step.key for step in steps if step.fate in _CAN_BE_GIVEN_UP)
    for key in keys:
        seqs = [intent.seq for intent in session.ledger.owned() if intent.key == key]
        session.journal.append(RecordType.DISOWNED, transaction, key=key, intents=seqs)
    return keys


def _to_body(wanted: Selection) -> dict[str, str | None]:
    return {"transaction": wanted.transaction, "tunable": wanted.tunable, "key": wanted.key}
