"""The journal: what every value was before we touched it, durable before we touch it.

SQLite in WAL mode with `synchronous=FULL`: each append is one commit and one fdatasync, so when `append` returns the
record survives a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous). Triggers refuse to change or delete
a row, every row carries the hash of the one before, and the whole chain is checked when the journal is opened.

A failed write is final for this process. After a failed fsync nobody knows what is on disk, and a later one may
"succeed" because the kernel dropped the pages (the reason why PostgreSQL panics there). So from then on every append
raises, and as no step is made without an appended intent, nothing more is written to the host.

One writer at a time is the lock's business (tune/lock.py); readers may look on at any time (tune/history.py).
"""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nodeagent.host.state_directory import ensure_state_directory, open_own_file
from nodeagent.model.errors import JournalError
from nodeagent.tune.clock import Clock, SystemClock
from nodeagent.tune.ledger import Ledger
from nodeagent.tune.record import FIRST_HASH, Draft, Record, RecordType, body_to_text, record_hash

FILE_NAME = "journal.db"
SCHEMA_VERSION = 1

_APPLICATION_ID = 0x6E61_4A31  # "naJ1", shown by file(1)
_CHECKPOINT_PAGES = 64  # keeps the WAL file below 300 KiB, which the reserve (tune/reserve.py) must be able to hold
_BUSY_SECONDS = 10.0

_BROKEN = (sqlite3.Error, UnicodeDecodeError)
"""What reading can raise: SQLite's message about a damaged schema quotes it, and that may be no UTF-8."""

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    txn TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    key TEXT NOT NULL,
    wall_seconds REAL NOT NULL,
    boottime_seconds REAL NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER records_stay_as_they_are BEFORE UPDATE ON records
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER records_stay BEFORE DELETE ON records
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""

_SELECT = "SELECT seq, type, txn, boot_id, key, wall_seconds, boottime_seconds, body, hash FROM records ORDER BY seq"
_INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

Row = tuple[int, str, str, str, str, float, float, str, str]
_TYPES = (int, str, str, str, str, float, float, str, str)


class Journal:
    """The open journal of this process. `ledger` is what its records add up to, kept up to date by `append`.

    Open it while holding the lock, and close it (it is a context manager).
    """

    def __init__(self, directory: Path, *, boot_id: str, clock: Clock | None = None) -> None:
        """JournalError, with nothing changed, where it can't be read, is damaged, or is a newer nodeagent's."""
        self.path = ensure_state_directory(directory) / FILE_NAME
        self.boot_id = boot_id
        self.clock = clock or SystemClock()
        self.ledger = Ledger()
        self._head = FIRST_HASH
        self._next_seq = 1
        self._failure = ""
        self._connection = self._open()
        try:
            self._load()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def head(self) -> str:
        """The hash of the last record: it stands for all of them."""
        return self._head

    @property
    def failure(self) -> str:
        """Why nothing can be appended any more; "" while all is well."""
        return self._failure

    def append(self, type: RecordType, transaction: str, *, key: str = "", **body: Any) -> Record:
        """Add one record; it is on disk when this returns. JournalError, now and for ever after, where it can't be."""
        return self.append_all([Draft(type=type, transaction=transaction, key=key, body=body)])[0]

    def append_all(self, drafts: Sequence[Draft]) -> list[Record]:
        """Add several records in one commit: all of them or none. Each takes effect on the ledger.

        None may refer to another of the same call. ValueError, with nothing written, for one that makes no sense.
        """
        if self._failure:
            raise self._unusable(self._failure)
        records = self._chain(drafts)
        for record in records:
            if complaint := self.ledger.complaint(record):
                raise ValueError(f"a record of ours makes no sense: {complaint}")
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(_INSERT, [_to_row(record) for record in records])
        except sqlite3.Error as error:
            self._failure = str(error)
            raise self._unusable(self._failure) from error
        for record in records:
            self._head, self._next_seq = record.hash, record.seq + 1
            self.ledger.add(record)
        return records

    def close(self) -> None:
        """Closing writes the WAL back; a failure to is no loss, since SQLite reads it at the next start."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            self._failure = self._failure or str(error)

    def _chain(self, drafts: Sequence[Draft]) -> list[Record]:
        records = []
        head = self._head
        times = (self.clock.wall_seconds(), self.clock.boottime_seconds())
        for seq, draft in enumerate(drafts, start=self._next_seq):
            text = body_to_text(draft.body)
            # For the eye only, so it may be any text; the exact key stands in the body.
            key = draft.key.encode("utf-8", "backslashreplace").decode()
            names = (seq, draft.type.value, draft.transaction, self.boot_id, key)
            head = record_hash(head, names, times, text)
            records.append(
                Record(
                    seq=seq,
                    type=draft.type,
                    transaction=draft.transaction,
                    boot_id=self.boot_id,
                    key=key,
                    wall_seconds=times[0],
                    boottime_seconds=times[1],
                    body_text=text,
                    hash=head,
                )
            )
        return records

    def _open(self) -> sqlite3.Connection:
        try:
            self._create_file()
            # Our own thread only, our own transactions only (no implicit ones).
            connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(str(error)) from error
        try:
            _prepare(connection)
            # SQLite syncs the directory of a new WAL file too, but doesn't look at the answer.
            _sync_directory(self.path.parent)
        except OSError as error:
            connection.close()
            raise self._unusable(str(error)) from error
        except _BROKEN as error:
            connection.close()
            # "disk I/O error" is operational; "file is not a database" is about the content.
            is_content = not isinstance(error, sqlite3.OperationalError)
            raise damaged(self.path, str(error)) if is_content else self._unusable(str(error)) from error
        return connection

    def _create_file(self) -> None:
        """Make the file ours alone and its name durable before SQLite sees it."""
        is_new = not self.path.exists()
        descriptor = open_own_file(self.path, os.O_RDWR | os.O_CREAT)
        try:
            if is_new:
                os.fsync(descriptor)
                _sync_directory(self.path.parent)
        finally:
            os.close(descriptor)

    def _load(self) -> None:
        version = self._read("PRAGMA user_version")[0][0]
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"{self.path} was written by a newer nodeagent (schema {version}, this one knows {SCHEMA_VERSION})",
                remedy="use the newer nodeagent; `nodeagent tune history` reads it with this one too",
            )
        # The chain can't miss a last record that a rotten page no longer shows; the page's own sums do.
        report = self._read("PRAGMA quick_check(1)")[0][0]
        problem = "" if report == "ok" else str(report).replace("\n", " ")
        for row in [] if problem else self._read(_SELECT):
            problem = self._take(row)
            if problem:
                break
        if problem:
            raise damaged(self.path, problem)

    def _take(self, row: Row) -> str:
        """Add a row to the ledger, or say what is wrong with it."""
        record, problem = check_row(row, seq=self._next_seq, previous=self._head)
        if record is None:
            return problem
        try:
            self.ledger.add(record)
        except (ValueError, KeyError, TypeError) as error:
            return f"record {record.seq} makes no sense: {error}"
        self._head, self._next_seq = record.hash, record.seq + 1
        return ""

    def _read(self, query: str) -> list[Any]:
        try:
            return self._connection.execute(query).fetchall()
        except _BROKEN as error:
            raise damaged(self.path, str(error)) from error

    def _unusable(self, reason: str) -> JournalError:
        return JournalError(
            f"cannot write the journal {self.path}: {reason}; nothing more was changed on this host",
            remedy=f"make the file system of {self.path.parent} writable again (`df -h {self.path.parent}`), "
            "then run `nodeagent tune rollback` or `nodeagent tune apply`: either tidies up first",
        )


def check_row(row: Row, *, seq: int, previous: str) -> tuple[Record | None, str]:
    """The record in a row of the table, or None and what is wrong with it."""
    if tuple(type(value) for value in row) != _TYPES:
        # STRICT holds for what is written, not for a page that rotted.
        return None, f"record {row[0]!r:.20} holds values of types that were never written"
    try:
        record = _from_row(row)
    except ValueError as error:
        return None, f"record {row[0]}: {error}"
    if record.seq != seq:
        return None, f"record {seq} is missing"
    if record.hash != record.expected_hash(previous):
        return None, f"record {seq} is not what was written (its hash does not fit)"
    return record, ""


def damaged(path: Path, problem: str) -> JournalError:
    """The error for a journal that can't be trusted."""
    return JournalError(
        f"the journal {path} is damaged: {problem}; nothing was changed",
        remedy="see what can be read (`nodeagent tune history`); undo each apply by hand with the scripts in "
        f"{path.parent / 'undo'}; then move {path.name}* away, and the next apply starts a new one",
    )


def read_rows(connection: sqlite3.Connection) -> list[Row]:
    """Every row, unchecked; sqlite3.Error."""
    return connection.execute(_SELECT).fetchall()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        # SQLite answers with the mode that stays when it can't change it, and calls that no error.
        raise sqlite3.OperationalError(f"it can't be switched to write-ahead logging (it stays in mode {mode!r})")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
        connection.executescript(_SCHEMA)


def _to_row(record: Record) -> Row:
    return (
        record.seq,
        record.type.value,
        record.transaction,
        record.boot_id,
        record.key,
        record.wall_seconds,
        record.boottime_seconds,
        record.body_text,
        record.hash,
    )


def _from_row(row: Row) -> Record:
    seq, kind, transaction, boot_id, key, wall_seconds, boottime_seconds, body_text, digest = row
    return Record(
        seq=seq,
        type=RecordType(kind),
        transaction=transaction,
        boot_id=boot_id,
        key=key,
        wall_seconds=wall_seconds,
        boottime_seconds=boottime_seconds,
        body_text=body_text,
        hash=digest,
    )
