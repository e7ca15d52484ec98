"""Opening the file, and what SQLite's errors mean to the person who reads them."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from nodeagent.history import schema
from nodeagent.host.state_directory import open_own_file
from nodeagent.model.errors import BusyError, HistoryError, NodeagentError

BUSY_TIMEOUT_SECONDS = 10.0

_OLDEST_SQLITE = (3, 37, 0)  # STRICT tables
_PRIMARY_CODE = 0xFF


def connect(path: Path, *, read_only: bool, steps: Sequence[str]) -> sqlite3.Connection:
    """A connection to a history of the newest schema, made or brought there unless `read_only`."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise HistoryError(
            f"the history needs SQLite 3.37 or newer, this Python has {sqlite3.sqlite_version}",
            remedy="install a newer SQLite or another Python",
        )
    with translated(path):
        connection = _open_to_read(path) if read_only else _open_to_write(path)
        try:
            connection.row_factory = sqlite3.Row
            schema.check_ours(connection, path)
            _agree_on_schema(connection, path, steps, read_only=read_only)
            if not read_only:
                _prepare_to_write(connection)
                schema.migrate(connection, steps=steps)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Everything inside or nothing; committed when this ends."""
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite says into what to do about it."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(error, path) from error
    except OSError as error:
        raise HistoryError(
            f"cannot open the history {path}: {error.strerror}",
            remedy="choose another directory with --state-dir",
        ) from error


def _explained(error: sqlite3.Error, path: Path) -> NodeagentError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY_CODE
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return BusyError(
                f"the history {path} was locked by another process for more than {BUSY_TIMEOUT_SECONDS:g} s",
                remedy=f"see who holds it: fuser -v {path}",
            )
        case sqlite3.SQLITE_FULL:
            return HistoryError(
                f"cannot write to the history {path}: the disk is full",
                remedy=f"make room (df {path.parent}), or choose another directory with --state-dir",
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            aside = path.parent / "damaged-history"
            return HistoryError(
                f"the history {path} is damaged: {error}",
                remedy=f"keep it aside and start a new one: mkdir {aside} && mv {path}* {aside}/"
                f" (sqlite3 {aside / path.name} .recover may save the rows)",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return HistoryError(
                f"cannot open the history {path}: {error}",
                remedy=f"check its permissions (ls -l {path}*), or choose another directory with --state-dir",
            )
        case _:
            return HistoryError(f"the history {path} failed: {error}", remedy=f"df {path.parent}; dmesg | tail")


def _open_to_write(path: Path) -> sqlite3.Connection:
    os.close(open_own_file(path, os.O_RDWR | os.O_CREAT))
    return _connection(path, "mode=rw")


def _prepare_to_write(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _open_to_read(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise HistoryError(f"there is no history at {path} yet", remedy="nodeagent bench run")
    connection = _connection(path, "mode=ro")
    try:
        schema.version(connection)
        return connection
    except sqlite3.OperationalError:
        connection.close()
        if _has_unmerged_writes(path):
            raise
    # Reading a WAL database takes a place for its index beside it. Where the directory is not ours to write and
    # nobody has the file open, there is nothing to index: https://www.sqlite.org/wal.html#read_only_databases
    return _connection(path, "mode=ro&immutable=1")


def _has_unmerged_writes(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _connection(path: Path, parameters: str) -> sqlite3.Connection:
    address = f"file:{quote(os.fspath(path.absolute()))}?{parameters}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)


def _agree_on_schema(connection: sqlite3.Connection, path: Path, steps: Sequence[str], *, read_only: bool) -> None:
    found = schema.version(connection)
    if read_only and found < len(steps):
        raise HistoryError(
            f"the history {path} has schema {found}, and this nodeagent reads {len(steps)}",
            remedy="let any `nodeagent bench run` bring it up to date",
        )
    if not read_only and found > len(steps):
        raise HistoryError(
            f"the history {path} was written by a newer nodeagent (schema {found}, this one writes {len(steps)})",
            remedy="use that version, or only read it: nodeagent bench history --export",
        )
