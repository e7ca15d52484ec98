"""What a killed process, a reboot or an unanswered confirmation left behind is tidied up before anything new begins.

- An intent without an end: the state tells whether its step happened. Nothing is guessed: what can't be told is left
  and reported.
- A transaction without an end belongs to a process that died (we hold the lock, so it can't live): it is undone.
- A transaction whose confirm window ran out without a confirmation is undone, also after a power cut.
- Settings that ended with another boot are marked lapsed; their old values are never written.

Every step is a record like any other, so a crash in here is tidied up by the next one in the same way.
"""

from dataclasses import dataclass

from nodeagent.host import changes
from nodeagent.model.errors import HostError
from nodeagent.tune.ledger import UNCONFIRMED, Intent, Kind, Outcome, Transaction
from nodeagent.tune.record import RecordType
from nodeagent.tune.session import Session
from nodeagent.tune.undo.undo import UndoStep, lapse, undo

RECOVERED = "recovered"
INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was tidied up, and a transaction that still waits for its confirmation, if there is one."""

    steps: tuple[UndoStep, ...] = ()
    waiting: Transaction | None = None


def recover(session: Session) -> Recovery:
    """Bring the journal and the machine to a state where no transaction is open; it may be called at any time.

    JournalError, with nothing more written to the host, where a record can't be kept.
    """
    steps = list(lapse(session))
    for transaction in reversed(list(session.ledger.transactions.values())):
        if transaction.ended is None:
            steps += _finish(session, transaction)
    waiting = None
    for transaction in reversed(list(session.ledger.transactions.values())):
        if not transaction.unconfirmed:
            continue
        if transaction.window_is_over(boot_id=session.boot_id, boottime_seconds=session.clock.boottime_seconds()):
            steps += undo_unconfirmed(session, transaction)
        else:
            waiting = transaction
    return Recovery(steps=tuple(steps), waiting=waiting)


def undo_unconfirmed(session: Session, transaction: Transaction) -> tuple[UndoStep, ...]:
    """Undo a transaction whose window ran out; it is not tried again, what could not be undone stays ours."""
    steps = undo(session, [intent for intent in transaction.intents if intent.owned], transaction=transaction.id)
    session.journal.append(RecordType.END, transaction.id, outcome=UNCONFIRMED)
    return steps


def _finish(session: Session, transaction: Transaction) -> tuple[UndoStep, ...]:
    """Close what a dead process left open: an apply is undone, a rollback gets its half step finished."""
    if transaction.kind is Kind.ROLLBACK:
        half = [intent for intent in session.ledger.owned() if intent.rolling]
        steps = undo(session, half, transaction=transaction.id)
        session.journal.append(RecordType.END, transaction.id, outcome=INTERRUPTED)
        return steps
    for intent in transaction.intents:
        if intent.owned and intent.outcome is Outcome.OPEN:
            _settle(session, intent)
    steps = undo(session, [intent for intent in transaction.intents if intent.owned], transaction=transaction.id)
    session.journal.append(RecordType.END, transaction.id, outcome=RECOVERED)
    return steps


def _settle(session: Session, intent: Intent) -> None:
    """Did the step happen? What can't be told stays open, and `undo` reports it."""
    try:
        session.sweep(intent.change)
        seen = session.look(intent.change)
    except HostError:
        return  # `undo` looks again and reports the error with the key.
    if seen.gone or intent.is_elsewhere(seen.place, boot_id=session.boot_id):
        return
    if seen.state == intent.state:
        session.journal.append(RecordType.VOID, intent.transaction, key=intent.key, intents=[intent.seq])
    elif seen.state == intent.change.after_state():
        session.journal.append(
            RecordType.DONE, intent.transaction, key=intent.key, intents=[intent.seq], state=seen.state, recovered=True
        )
    elif changes.is_half_done(intent.change, seen.state):
        session.journal.append(
            RecordType.FAILED,
            intent.transaction,
            key=intent.key,
            intents=[intent.seq],
            state=seen.state,
            recovered=True,
        )
