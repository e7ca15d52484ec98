"""One change, carried out: look, intent durable, write, look again, done.

The journal's intent is on disk before the write, always: this function is the only one that performs a planned change.
"""

from nodeagent.model.change import Change
from nodeagent.model.errors import HostError
from nodeagent.tune.document import change_to_document
from nodeagent.tune.progress import Step
from nodeagent.tune.record import RecordType
from nodeagent.tune.session import Session


class StepError(Exception):
    """Why a change was not made as planned. `problem` is a sentence, `remedy` the next command or ""."""

    def __init__(self, problem: str, remedy: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy or ""


def carry_out(session: Session, transaction: str, change: Change, *, number: int, total: int) -> None:
    """Make one change. StepError where it could not be made, or did not take; JournalError before anything is written.

    After StepError the journal knows what happened, as far as anybody can tell.
    """
    intent = _intend(session, transaction, change)
    session.tell(Step.INTENDED, transaction, change, change.command(), number=number, total=total)
    problem, remedy = "", ""
    try:
        session.perform(change)
        session.tell(Step.PERFORMED, transaction, change, change.command(), number=number, total=total)
    except HostError as error:
        problem, remedy = error.message, error.remedy or ""
    state = _read_back(session, change)
    if not problem and state != change.after_state():
        seen = "it can't be read any more" if state is None else f"it reads {state!r}"
        problem = f"{change.key}: {change.after_state()!r} was written, {seen}"
        remedy = f"see which values it takes here: {change.command()}"
    if problem:
        session.journal.append(
            RecordType.FAILED, transaction, key=change.key, intents=[intent], state=state, error=problem
        )
        session.tell(Step.FAILED, transaction, change, problem, number=number, total=total)
        raise StepError(problem, remedy)
    session.journal.append(RecordType.DONE, transaction, key=change.key, intents=[intent], state=state)
    session.tell(Step.DONE, transaction, change, change.command(), number=number, total=total)


def _intend(session: Session, transaction: str, change: Change) -> int:
    """Look at the object once more and record what is there; the number of the intent."""
    try:
        before = session.look(change)
    except HostError as error:
        raise StepError(error.message, error.remedy) from error
    if before.gone:
        raise StepError(f"{change.key}: it is gone", "nodeagent tune plan")
    if before.state != change.before_state():
        raise StepError(
            f"{change.key}: planned from {change.before_state()!r}, found {before.state!r}",
            "find out who changes it, then make a new plan: nodeagent tune plan",
        )
    session.tell(Step.OBSERVED, transaction, change)
    record = session.journal.append(
        RecordType.INTENT,
        transaction,
        key=change.key,
        change=change_to_document(change),
        state=before.state,
        raw=before.raw,
        place=before.place,
    )
    return record.seq


def _read_back(session: Session, change: Change) -> str | None:
    try:
        return session.look(change).state
    except HostError:
        return None  # The caller says so, and the undo looks again.
