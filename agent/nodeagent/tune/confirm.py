"""Commit-confirm: changes that could cut us off undo themselves unless somebody who still gets in says all is well.

Armed before the first change, on disk and as a guard outside of this process (tune/guard.py). A power cut ends the
window too: settings of the kernel are gone with the boot, and what is persistent is undone at the next start.
"""

from nodeagent.model.errors import RefusedError, UsageError
from nodeagent.tune.guard import Start, Watch, end
from nodeagent.tune.ledger import Kind, Transaction
from nodeagent.tune.progress import Step
from nodeagent.tune.record import RecordType
from nodeagent.tune.recover import UNCONFIRMED
from nodeagent.tune.session import Session

SHORTEST_SECONDS = 10.0
LONGEST_SECONDS = 24 * 3600.0


def check_window(seconds: float) -> float:
    """UsageError for a window in which nobody can answer, or in which everybody forgets."""
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise UsageError(
            f"a confirm window of {seconds:g} s is out of range, wanted {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} s"
        )
    return seconds


def arm(session: Session, transaction: str, *, within_seconds: float, start: Start) -> None:
    """Start the guard and record it; HostError where there would be no guard."""
    deadline = session.clock.boottime_seconds() + within_seconds
    guard = start(
        Watch(
            state_directory=session.state_directory,
            root=session.host.root,
            transaction=transaction,
            deadline_seconds=deadline,
            within_seconds=within_seconds,
        )
    )
    session.journal.append(
        RecordType.CONFIRM_ARMED,
        transaction,
        deadline_seconds=deadline,
        within_seconds=within_seconds,
        guard=guard,
    )
    session.tell(Step.ARMED, transaction, text=f"{within_seconds:g}")


def confirm(session: Session, transaction: str | None = None) -> str:
    """Confirm the apply that waits (or the one named) and end its guard; its id.

    RefusedError where none waits, or where it is too late; nothing is undone here then.
    """
    waiting = _waiting(session, transaction)
    session.journal.append(RecordType.CONFIRMED, waiting.id)
    if waiting.armed is not None:
        end(waiting.armed.guard)
    return waiting.id


def end_guards(session: Session) -> None:
    """End the guards of applies of which nothing stands any more (after a rollback on request)."""
    for transaction in session.ledger.transactions.values():
        if transaction.armed is None or transaction.boot_id != session.boot_id:
            continue
        if not (transaction.confirmed or transaction.unconfirmed or transaction.ended == UNCONFIRMED):
            end(transaction.armed.guard)


def _waiting(session: Session, name: str | None) -> Transaction:
    transactions = session.ledger.transactions
    if name is not None and name not in transactions:
        raise UsageError(f"there is no transaction {name!r} in the journal", remedy="nodeagent tune history")
    chosen = [transactions[name]] if name is not None else _candidates(session)
    if not chosen:
        raise RefusedError("no apply waits for a confirmation", remedy="nodeagent tune history")
    found = chosen[-1]
    if found.armed is None or found.confirmed:
        state = "is confirmed already" if found.confirmed else "was not made with --confirm-within"
        raise RefusedError(f"{found.id} {state}; there is nothing to confirm", remedy="nodeagent tune history")
    if found.ended is None:
        raise RefusedError(f"{found.id} was cut off and will be undone", remedy="nodeagent tune rollback")
    now = session.clock.boottime_seconds()
    if not found.unconfirmed or found.window_is_over(boot_id=session.boot_id, boottime_seconds=now):
        raise RefusedError(
            f"too late: {found.id} had to be confirmed within {found.armed.within_seconds:g} s and is undone",
            remedy="look at what happened (nodeagent tune history), then apply again",
        )
    return found


def _candidates(session: Session) -> list[Transaction]:
    """The applies of this boot with a window, oldest first."""
    return [
        transaction
        for transaction in session.ledger.transactions.values()
        if transaction.kind is Kind.APPLY and transaction.armed is not None and not transaction.confirmed
    ]
