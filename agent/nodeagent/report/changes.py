"""The journal in a few lines: what was changed here last, what of it stands, and whether it is settled."""

from pathlib import Path

from nodeagent.model.change import Lifetime
from nodeagent.model.units import counted
from nodeagent.report.document import JournalSummary, TransactionRow
from nodeagent.tune.ledger import Intent, Kind, Ledger, Transaction
from nodeagent.tune.record import RecordType


def summarise(ledger: Ledger, *, boot_id: str, head: str = "", undo_directory: Path | None = None) -> JournalSummary:
    """The summary of a journal. `undo_directory` is where each apply left its script, None for "don't name them"."""
    transactions = tuple(ledger.transactions.values())
    applies = [transaction for transaction in transactions if transaction.kind is Kind.APPLY]
    owned = [intent for intent in ledger.owned() if not intent.gone_with(boot_id)]
    return JournalSummary(
        last_apply=_row(applies[-1], boot_id, undo_directory) if applies else None,
        unfinished=tuple(transaction.id for transaction in transactions if transaction.ended is None),
        unconfirmed=tuple(transaction.id for transaction in transactions if transaction.unconfirmed),
        conflicts=tuple(intent.key for intent in owned if intent.fate is RecordType.CONFLICT),
        rollback=_rollback(owned),
        head=head,
    )


def _row(transaction: Transaction, boot_id: str, undo_directory: Path | None) -> TransactionRow:
    standing = [intent for intent in transaction.intents if intent.owned and not intent.gone_with(boot_id)]
    script = undo_directory / f"{transaction.id}.sh" if undo_directory and standing else None
    return TransactionRow(
        id=transaction.id,
        state=_state(transaction, standing),
        started_at=transaction.begun_at,
        changes=len(transaction.intents),
        profile=str(transaction.body.get("profile") or ""),
        undo_script=str(script) if script else "",
    )


def _state(transaction: Transaction, standing: list[Intent]) -> str:
    if transaction.ended is None:
        return "unfinished"
    if transaction.ended == "applied" and transaction.intents and not standing:
        return "applied, and rolled back or ended by a reboot since"
    return transaction.ended + (", verified" if transaction.verified else "")


def _rollback(owned: list[Intent]) -> str:
    """What a rollback would do now."""
    if not owned:
        return "nothing of ours stands, so there is nothing to roll back"
    final = sum(intent.change.lifetime is Lifetime.IRREVERSIBLE for intent in owned)
    back = len({intent.key for intent in owned}) - final
    told = f"`nodeagent tune rollback` restores {counted(back, 'original')}"
    return told + (f"; {counted(final, 'change')} cannot be undone (a filesystem was made)" if final else "")
