"""The history of runs: one SQLite file, written a run at a time, never rewritten.

A run is committed as soon as it ended, so a killed agent loses at most the run it was in. WAL with synchronous=NORMAL
never corrupts and survives the death of the process; only a power cut may take the last commits with it, which a
measurement can bear (an original can not: that is why the journal of changes is another file).

A history of a newer nodeagent is not written by an older one. It can still be read: `open(read_only=True)` and
`export()`, which knows no schema. A damaged file is reported with what to do and is never deleted.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, fields
from pathlib import Path
from types import TracebackType
from typing import Self

from nodeagent.history import schema
from nodeagent.history.connection import connect, transaction, translated
from nodeagent.history.document import dump_judgement, load_judgement
from nodeagent.history.records import RunFilter, StoredJudgement, StoredRun, Suite
from nodeagent.history.rows import RUN_COLUMNS, conditions, read_run, run_row, sample_row, text, unpacked
from nodeagent.model.errors import HistoryError
from nodeagent.model.judgement import Judgement
from nodeagent.model.measurement import Run

FILE_NAME = "history.db"

_SUITE_COLUMNS = tuple(field.name for field in fields(Suite))
_NO_LIMIT = -1


class History:
    """An open history; a context manager. Every method raises HistoryError or BusyError for what goes wrong."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False, steps: Sequence[str] | None = None) -> Self:
        """Open or make the file at `path`, whose directory exists, and bring it to the newest schema.

        With `read_only` nothing is made or changed, and a newer schema is no obstacle. `steps` stands in for the
        migrations of this version.
        """
        known = schema.migrations() if steps is None else steps
        return cls(connect(path, read_only=read_only, steps=known), path)

    def close(self) -> None:
        with translated(self.path):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def begin_suite(self, suite: Suite) -> None:
        """Name the invocation that the following runs belong to."""
        row = {
            name: text(value) if isinstance(value, str) else value
            for name, value in zip(_SUITE_COLUMNS, astuple(suite), strict=True)
        }
        with self._transaction():
            self._insert("suite", row)

    def add_run(self, run: Run, *, suite: str, fingerprint: str, parts: Mapping[str, str]) -> int:
        """Keep one run, committed before this returns; the number it is known by.

        `parts` is what the fingerprint stands for; it is kept once.
        """
        with self._transaction():
            self._connection.execute(
                "INSERT INTO fingerprint (digest, parts) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (fingerprint, json.dumps(dict(parts), sort_keys=True)),
            )
            number = self._insert("run", run_row(run, suite=suite, fingerprint=fingerprint))
            self._connection.executemany(
                "INSERT INTO sample (run, metric, value, series) VALUES (?, ?, ?, ?)",
                [sample_row(number, sample) for sample in run.samples],
            )
        return number

    def add_judgement(self, judgement: Judgement, *, suite: str, judged_at: float, run_ids: Sequence[int]) -> int:
        """Keep one judgement with the runs it was made from."""
        row = {
            "suite": suite,
            "benchmark": judgement.measurement.benchmark if judgement.measurement else "",
            "metric": judgement.metric.name,
            "role": text(judgement.place.role),
            "outcome": judgement.outcome.value,
            "judged_at": judged_at,
            "document": dump_judgement(judgement),
        }
        with self._transaction():
            number = self._insert("judgement", row)
            self._connection.executemany(
                "INSERT INTO judgement_run (judgement, run) VALUES (?, ?)", [(number, run) for run in run_ids]
            )
        return number

    def suites(self, *, limit: int | None = None) -> tuple[Suite, ...]:
        """Newest first."""
        rows = self._rows(
            f"SELECT {', '.join(_SUITE_COLUMNS)} FROM suite ORDER BY started_at DESC, id LIMIT ?",  # noqa: S608
            (_NO_LIMIT if limit is None else limit,),
        )
        return tuple(Suite(**dict(row)) for row in rows)

    def runs(self, chosen: RunFilter | None = None, *, with_raw: bool = False) -> tuple[StoredRun, ...]:
        """Runs in the order they were made; of a limited number, the newest."""
        wanted = chosen or RunFilter()
        where, values = conditions(wanted)
        columns = ", ".join(("id", *RUN_COLUMNS, *(("raw",) if with_raw else ())))
        rows = self._rows(
            f"SELECT {columns} FROM run WHERE {where} ORDER BY id DESC LIMIT ?",  # noqa: S608
            (*values, _NO_LIMIT if wanted.limit is None else wanted.limit),
        )
        return tuple(read_run(row, self._samples(row["id"])) for row in reversed(rows))

    def judgements(self, suite: str) -> tuple[StoredJudgement, ...]:
        """All judgements of one suite, in the order they were made."""
        return self._judgements("WHERE suite = ? ORDER BY id", (suite,))

    def latest_judgements(self) -> tuple[Judgement, ...]:
        """The newest judgement of each metric at each role, whatever suite it came from."""
        return tuple(stored.judgement for stored in self.latest())

    def latest(self) -> tuple[StoredJudgement, ...]:
        """As `latest_judgements`, each with the runs that it was made from."""
        newest = "WHERE id IN (SELECT max(id) FROM judgement GROUP BY metric, role) ORDER BY id"
        return self._judgements(newest, ())

    def fingerprint(self, digest: str) -> dict[str, str]:
        """The parts of a fingerprint; empty where it is unknown."""
        rows = self._rows("SELECT parts FROM fingerprint WHERE digest = ?", (digest,))
        return {name: str(value) for name, value in json.loads(rows[0]["parts"]).items()} if rows else {}

    def export(self) -> Iterator[dict[str, object]]:
        """Every row of every table as `{"table": ..., column: value}`, whatever the schema; `raw` is unpacked."""
        tables = self._rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", ())
        for table in sorted(row["name"] for row in tables):
            with translated(self.path):
                for row in self._connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608
                    yield {"table": table, **{name: _readable(row[name]) for name in row.keys()}}  # noqa: SIM118

    def _transaction(self) -> AbstractContextManager[None]:
        return transaction(self._connection, self.path)

    def _insert(self, table: str, row: Mapping[str, object]) -> int:
        """Table and column names come from this package, values never do."""
        marks = ", ".join("?" * len(row))
        cursor = self._connection.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})",  # noqa: S608
            tuple(row.values()),
        )
        return int(cursor.lastrowid or 0)

    def _rows(self, query: str, values: Sequence[object]) -> list[sqlite3.Row]:
        with translated(self.path):
            return self._connection.execute(query, tuple(values)).fetchall()

    def _samples(self, run: int) -> list[sqlite3.Row]:
        return self._rows("SELECT metric, value, series FROM sample WHERE run = ? ORDER BY rowid", (run,))

    def _judgements(self, condition: str, values: Sequence[object]) -> tuple[StoredJudgement, ...]:
        rows = self._rows(f"SELECT id, suite, judged_at, document FROM judgement {condition}", values)  # noqa: S608
        return tuple(
            StoredJudgement(
                id=row["id"],
                suite=row["suite"],
                judged_at=row["judged_at"],
                judgement=_judgement(row["id"], row["document"], self.path),
                run_ids=self._run_ids(row["id"]),
            )
            for row in rows
        )

    def _run_ids(self, judgement: int) -> tuple[int, ...]:
        rows = self._rows("SELECT run FROM judgement_run WHERE judgement = ? ORDER BY run", (judgement,))
        return tuple(row["run"] for row in rows)


def _judgement(number: int, document: str, path: Path) -> Judgement:
    try:
        return load_judgement(document)
    except (KeyError, TypeError, ValueError) as error:
        raise HistoryError(
            f"judgement {number} in {path} makes no sense to this nodeagent: {type(error).__name__}: {error}",
            remedy="use the version that wrote it, or only read it: nodeagent bench history --export",
        ) from error


def _readable(value: object) -> object:
    if not isinstance(value, bytes):
        return value
    try:
        return unpacked(value)
    except HistoryError:
        return value.hex()
