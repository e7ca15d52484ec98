"""Bringing the file to the newest schema: numbered .sql files, each in one transaction with its number.

`PRAGMA user_version` is part of the database header and so of the transaction: a migration that is killed half-way
leaves the version before, whole. A later version only adds (tables, columns with a default), so that what an older
program wrote stays readable.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from nodeagent.model.errors import HistoryError

APPLICATION_ID = int.from_bytes(b"nahs", "big")

_DIRECTORY = Path(__file__).parent / "migrations"


def migrations() -> tuple[str, ...]:
    """The SQL of each version, the first leading from an empty file to version 1."""
    files = sorted(_DIRECTORY.glob("[0-9]*.sql"))
    numbers = [int(file.name.split("_")[0]) for file in files]
    if numbers != list(range(1, len(files) + 1)):
        raise HistoryError(
            f"the migrations in {_DIRECTORY} are not numbered 1, 2, ...: {numbers}", remedy="install nodeagent again"
        )
    return tuple(file.read_text(encoding="utf-8") for file in files)


def version(connection: sqlite3.Connection) -> int:
    """The schema the file has; 0 is an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """HistoryError for a database that something else made."""
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application == APPLICATION_ID:
        return
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if application or tables or version(connection):
        raise HistoryError(
            f"{path} is a database, but not a history of nodeagent (application id {application:#x})",
            remedy="choose another directory with --state-dir",
        )


def migrate(connection: sqlite3.Connection, *, steps: Sequence[str]) -> None:
    """Apply what is missing; another process may be doing the same, and then there is nothing left to do."""
    while version(connection) < len(steps):
        _one_step(connection, steps)


def _one_step(connection: sqlite3.Connection, steps: Sequence[str]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        current = version(connection)
        if current < len(steps):
            for statement in _statements(steps[current]):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {current + 1:d}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _statements(script: str) -> Iterator[str]:
    """One at a time: `executescript` commits first, and the transaction is the point."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        raise ValueError(f"a migration ends within a statement: {pending.strip()[:60]!r}")
