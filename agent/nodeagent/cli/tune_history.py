"""`tune history`: the journal as a story, its chain of hashes checked on the way."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from nodeagent.cli import tune_setup
from nodeagent.cli.output import Terminal, Tone, print_json, table
from nodeagent.model.errors import ExitCode, UsageError
from nodeagent.tune.ledger import Ledger, Transaction
from nodeagent.tune.reading import JournalReading, has_journal, read_journal
from nodeagent.tune.record import Record, RecordType


def show(
    terminal: Terminal,
    *,
    transaction: str | None,
    limit: int,
    verbose: bool,
    state_dir: Path | None,
    root: Path,
    as_json: bool,
) -> ExitCode:
    state = tune_setup.state_of(root, state_dir)
    if not has_journal(state):
        if as_json:
            print_json({"journal": str(state), "transactions": [], "records": [], "problem": ""}, kind="tune.history")
        else:
            click.echo(f"Nothing was ever changed: there is no journal in {state}.")
        return ExitCode.OK
    reading = read_journal(state)
    if transaction is not None and transaction not in reading.ledger.transactions:
        raise UsageError(f"there is no transaction {transaction!r} in the journal", remedy="nodeagent tune history")
    if as_json:
        print_json(_document(reading, state, transaction), kind="tune.history")
    else:
        lines = (
            _record_lines(reading, transaction, verbose=verbose)
            if transaction is not None
            else _transaction_lines(reading.ledger, limit)
        )
        for line in lines:
            click.echo(line)
        click.echo(_chain(reading, terminal))
    return ExitCode.ERROR if reading.problem else ExitCode.OK


def _transaction_lines(ledger: Ledger, limit: int) -> Iterator[str]:
    transactions = list(ledger.transactions.values())
    rows = [(_shortly(one.begun_at), one.id, _what(one), _standing(one), _state(one)) for one in transactions[-limit:]]
    yield table(rows, header=("WHEN", "TRANSACTION", "WHAT", "STANDS", "STATE"))
    if len(transactions) > limit:
        yield f"and {len(transactions) - limit} older ones: --limit {len(transactions)}"
    yield ""


def _what(transaction: Transaction) -> str:
    return f"{transaction.kind.value} {transaction.body.get('profile', '')}".rstrip()


def _standing(transaction: Transaction) -> str:
    """How many of its changes are still in force, as far as the journal knows."""
    if not transaction.intents:
        return "-"
    return f"{sum(intent.owned for intent in transaction.intents)} of {len(transaction.intents)}"


def _state(transaction: Transaction) -> str:
    if transaction.ended is None:
        return "open"
    if transaction.unconfirmed:
        return "unconfirmed"
    return transaction.ended


def _record_lines(reading: JournalReading, transaction: str, *, verbose: bool) -> Iterator[str]:
    chosen = [record for record in reading.records if record.transaction == transaction]
    rows = [(str(record.seq), _when(record.wall_seconds), record.type.value, record.key) for record in chosen]
    for row, record in zip(table(rows).splitlines(), chosen, strict=True):
        yield row
        yield from (f"      {line}" for line in _told(record, verbose=verbose))
    yield ""


def _told(record: Record, *, verbose: bool) -> Iterator[str]:
    body = record.body
    if record.type is RecordType.INTENT:
        from nodeagent.tune.document import change_from_document

        change = change_from_document(body["change"])
        yield f"was {_plain(body['state'])}, to be {_plain(change.after_state())}"
        if verbose:
            yield f"$ {_plain(change.command())}"
    elif record.type is RecordType.CONFLICT:
        yield f"original {_plain(body['original'])}, ours {_plain(body['ours'])}, now {_plain(body['current'])}"
    elif text := body.get("error") or body.get("problem"):
        yield _plain(text)
    if verbose:
        yield f"boot {record.boot_id}  sha256 {record.hash}"


def _chain(reading: JournalReading, terminal: Terminal) -> str:
    if reading.problem:
        text = f"DAMAGED: {reading.problem}; {reading.rest + 1} records from there on can't be trusted."
        return terminal.style(text, Tone.BAD)
    return f"{len(reading.records)} records, chain intact, head sha256:{reading.head[:16]}"


def _document(reading: JournalReading, state: Path, transaction: str | None) -> dict[str, object]:
    transactions = [
        {
            "transaction": one.id,
            "kind": one.kind,
            "boot_id": one.boot_id,
            "begun_at": one.begun_at,
            "state": _state(one),
            "profile": one.body.get("profile"),
            "plan_digest": one.body.get("plan_digest"),
            "changes": len(one.intents),
            "standing": sum(intent.owned for intent in one.intents),
            "confirmed": one.confirmed if one.armed else None,
        }
        for one in reading.ledger.transactions.values()
        if transaction in (None, one.id)
    ]
    records = [
        {
            "seq": record.seq,
            "type": record.type,
            "transaction": record.transaction,
            "boot_id": record.boot_id,
            "key": record.key,
            "wall_seconds": record.wall_seconds,
            "boottime_seconds": record.boottime_seconds,
            "body": record.body,
            "hash": record.hash,
        }
        for record in reading.records
        if transaction in (None, record.transaction)
    ]
    return {
        "journal": str(state),
        "intact": not reading.problem,
        "problem": reading.problem,
        "head": reading.head,
        "transactions": transactions,
        "records": records,
    }


def _shortly(wall_seconds: float) -> str:
    """Local time without the year, which stands in the transaction's name."""
    return f"{datetime.fromtimestamp(wall_seconds).astimezone():%m-%d %H:%M}"


def _when(wall_seconds: float) -> str:
    return f"{datetime.fromtimestamp(wall_seconds).astimezone():%Y-%m-%d %H:%M:%S}"


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
