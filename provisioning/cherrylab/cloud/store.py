"""What the cloud remembers: one SQLite file, so that it survives a restart and being killed at any moment.

A record is a frozen dataclass, kept as JSON under its noun and id; a noun's fields are its class's, and no schema has
to follow them. The log is written ahead (WAL), so another process or thread may look on with a connection of its own.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from pydantic import TypeAdapter

from cherrylab.cloud.backup_storages import BackupStorage
from cherrylab.cloud.ips import Ip
from cherrylab.cloud.projects import Project
from cherrylab.cloud.servers import Server
from cherrylab.cloud.ssh_keys import SshKey
from cherrylab.cloud.storages import Storage
from cherrylab.cloud.teams import Team
from nodeagent.model.errors import HostError

_VERSION = 1
_BUSY_SECONDS = 10.0
_SCHEMA = """
CREATE TABLE records (
    position INTEGER PRIMARY KEY, noun TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, UNIQUE (noun, id)
) STRICT;
CREATE TABLE numbers (noun TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT;
"""


class Record(Protocol):
    """Anything with an id: a number, or a UUID as text."""

    @property
    def id(self) -> int | str: ...


R = TypeVar("R", bound=Record)


class Shelf(Generic[R]):
    """All records of one noun, in the order in which they were made."""

    def __init__(self, connection: sqlite3.Connection, kind: type[R], *, noun: str, first: int = 1) -> None:
        self._connection = connection
        self._adapter = TypeAdapter(kind)
        self._noun = noun
        self._first = first

    def next_id(self) -> int:
        """A number that no record of this noun ever had."""
        row = self._connection.execute(
            "INSERT INTO numbers VALUES (?, ?) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
            (self._noun, self._first),
        ).fetchone()
        return int(row[0])

    def get(self, identity: int | str) -> R | None:
        row = self._connection.execute(
            "SELECT document FROM records WHERE noun = ? AND id = ?", (self._noun, str(identity))
        ).fetchone()
        return None if row is None else self._adapter.validate_json(row[0])

    def all(self) -> tuple[R, ...]:
        rows = self._connection.execute("SELECT document FROM records WHERE noun = ? ORDER BY position", (self._noun,))
        return tuple(self._adapter.validate_json(row[0]) for row in rows)

    def put(self, record: R) -> R:
        """Keep a record, new or changed, and give it back."""
        self._connection.execute(
            "INSERT INTO records (noun, id, document) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET document = excluded.document",
            (self._noun, str(record.id), self._adapter.dump_json(record).decode()),
        )
        return record

    def remove(self, identity: int | str) -> None:
        """Forget a record; none is fine."""
        self._connection.execute("DELETE FROM records WHERE noun = ? AND id = ?", (self._noun, str(identity)))


class Store:
    """An open store: a shelf for each noun. It belongs to the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path
        self.teams = Shelf(connection, Team, noun="team")
        self.projects = Shelf(connection, Project, noun="project", first=200_001)
        self.ssh_keys = Shelf(connection, SshKey, noun="ssh-key", first=9_001)
        self.servers = Shelf(connection, Server, noun="server", first=900_001)
        self.ips = Shelf(connection, Ip, noun="ip")
        self.storages = Shelf(connection, Storage, noun="storage", first=4_001)
        self.backup_storages = Shelf(connection, BackupStorage, noun="backup-storage", first=5_001)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the store of a cloud, made where there is none.

        HostError where the file is none of ours, or of another version.
        """
        try:
            connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                _prepare(connection, path)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise HostError(
                f"cannot use the cloud's memory {path}: {error}", remedy="give another --directory, or remove the file"
            ) from error
        return cls(connection, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        for statement in _SCHEMA.strip().split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")
    if version not in {0, _VERSION}:
        raise HostError(
            f"{path} has version {version}, wanted {_VERSION}: another cherrylab made it",
            remedy="give another --directory, or remove the file",
        )
