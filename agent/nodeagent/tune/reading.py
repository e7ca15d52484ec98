"""Looking into the journal without the right to write: no lock, no change, whoever else is at work."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from nodeagent.model.errors import JournalError
from nodeagent.tune.journal import FILE_NAME, Row, check_row, damaged, read_rows
from nodeagent.tune.ledger import Ledger
from nodeagent.tune.record import FIRST_HASH, Record

_BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalReading:
    """The records up to the first that can't be trusted, what they add up to, and what is wrong; `rest` is the number
    of rows after that."""

    records: tuple[Record, ...]
    ledger: Ledger
    head: str
    problem: str = ""
    rest: int = 0


def read_ledger(state_directory: Path) -> tuple[Ledger, str]:
    """What the records add up to, and the hash of the last one; JournalError where they can't be read or trusted."""
    reading = read_journal(state_directory)
    if reading.problem:
        raise damaged(state_directory / FILE_NAME, reading.problem)
    return reading.ledger, reading.head


def read_journal(state_directory: Path) -> JournalReading:
    """As much as can be trusted, and the problem with the rest; JournalError where the file can't be read at all."""
    path = state_directory / FILE_NAME
    ledger, head, records = Ledger(), FIRST_HASH, list[Record]()
    rows = _rows(path)
    for number, row in enumerate(rows, start=1):
        record, problem = check_row(row, seq=number, previous=head)
        if record is not None:
            try:
                ledger.add(record)
            except (ValueError, KeyError, TypeError) as error:
                problem = f"record {record.seq} makes no sense: {error}"
        if record is None or problem:
            rest = len(rows) - number
            return JournalReading(records=tuple(records), ledger=ledger, head=head, problem=problem, rest=rest)
        records.append(record)
        head = record.hash
    return JournalReading(records=tuple(records), ledger=ledger, head=head)


def has_journal(state_directory: Path) -> bool:
    """Was anything ever written here? False, too, where we may not look."""
    try:
        return (state_directory / FILE_NAME).exists()
    except PermissionError:
        return False


def _rows(path: Path) -> list[Row]:
    # Without the right to write beside it, SQLite can't make the index of the WAL file: then only what was written
    # back is read, which is all there is when nobody is at work.
    problem: sqlite3.Error | None = None
    for mode in ("mode=ro", "immutable=1"):
        try:
            connection = sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, timeout=_BUSY_SECONDS)
            try:
                return read_rows(connection)
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            problem = problem or error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _unreadable(path, error) from error
    raise _unreadable(path, problem) from problem


def _unreadable(path: Path, error: object) -> JournalError:
    return JournalError(f"cannot read the journal {path}: {error}", remedy=f"ls -l {path.parent}")
