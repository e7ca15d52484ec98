"""Looking into the journal without the right to write: no lock, no change, whoever else is at work."""

import sqlite3
from pathlib import Path
from urllib.parse import quote

from nodeagent.model.errors import JournalError
from nodeagent.tune.journal import FILE_NAME, check_row, damaged, read_rows
from nodeagent.tune.ledger import Ledger
from nodeagent.tune.record import FIRST_HASH

_BUSY_SECONDS = 5.0


def read_ledger(state_directory: Path) -> tuple[Ledger, str]:
    """What the records add up to, and the hash of the last one; JournalError where they can't be read or trusted."""
    path = state_directory / FILE_NAME
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        try:
            rows = read_rows(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise JournalError(f"cannot read the journal {path}: {error}", remedy=f"ls -l {state_directory}") from error
    ledger, head = Ledger(), FIRST_HASH
    for number, row in enumerate(rows, start=1):
        record, problem = check_row(row, seq=number, previous=head)
        if record is None:
            raise damaged(path, problem)
        try:
            ledger.add(record)
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(path, f"record {record.seq} makes no sense: {error}") from error
        head = record.hash
    return ledger, head
