"""Commit-confirm: changes that could cut us off undo themselves unless somebody who still gets in says all is well.

Armed before the first change, on disk and as a guard outside of this process (tune/guard.py). A power cut ends the
window too: settings of the kernel are gone with the boot, and what is persistent is undone at the next start.
"""

from nodeagent.model.errors import RefusedError, UsageError
from nodeagent.tune import boot_profile
from nodeagent.tune.guard import Start, Watch, end
from nodeagent.tune.ledger import UNCONFIRMED, Kind, Transaction
from nodeagent.tune.progress import Step
from nodeagent.tune.record import RecordType
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
    boot_profile.settle(session)
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
    armed = [one for one in transactions.values() if one.kind is Kind.APPLY and one.armed is not None]
    found = transactions[name] if name is not None else next(reversed(armed), None)
    if found is None:
        raise RefusedError("no apply waits for a confirmation", remedy="nodeagent tune history")
    if reason := _not_waiting(session, found):
        raise RefusedError(f"{found.id} {reason}", remedy="nodeagent tune history")
    return found


def _not_waiting(session: Session, found: Transaction) -> str:
    """Why there is nothing to confirm any more, "" where there is."""
    if found.armed is None:
        return "was not made with --confirm-within: there is nothing to confirm"
    if found.confirmed:
        return "is confirmed already"
    if found.ended is None:
        return "was cut off and will be undone: there is nothing to confirm"
    now = session.clock.boottime_seconds()
    if found.ended == UNCONFIRMED or found.window_is_over(boot_id=session.boot_id, boottime_seconds=now):
        return f"had to be confirmed within {found.armed.within_seconds:g} s: it is too late, and it is undone"
    return "" if found.unconfirmed else "was undone already: there is nothing to confirm"
