"""Runs as rows and back.

Text columns are UTF-8, which a serial number or a tool's output need not be; `raw` keeps every byte.
"""

import gzip
import json
import sqlite3
import zlib
from collections.abc import Sequence
from math import isnan, nan

from nodeagent.history.document import dump_numbers, load_numbers
from nodeagent.history.records import RunFilter, StoredRun
from nodeagent.model.errors import HistoryError
from nodeagent.model.measurement import Place, Run, Sample

RUN_COLUMNS = (
    "suite",
    "fingerprint",
    "benchmark",
    "role",
    "identity",
    "detail",
    "started_at",
    "duration_seconds",
    "command",
    "tool",
    "tool_version",
    "options",
    "notes",
    "aborted",
)


def run_row(run: Run, *, suite: str, fingerprint: str) -> dict[str, object]:
    """The columns of table `run`, but for its number."""
    return {
        "suite": suite,
        "fingerprint": fingerprint,
        "benchmark": run.benchmark,
        "role": text(run.place.role),
        "identity": text(run.place.identity),
        "detail": text(run.place.detail),
        "started_at": run.started_at,
        "duration_seconds": run.duration_seconds,
        "command": text(run.command),
        "tool": run.tool,
        "tool_version": text(run.tool_version),
        "options": json.dumps(run.options),
        "notes": json.dumps(run.notes),
        "aborted": text(run.aborted),
        "raw": gzip.compress(run.raw.encode("utf-8", "surrogateescape"), mtime=0) if run.raw else b"",
    }


def sample_row(run: int, sample: Sample) -> tuple[int, str, float | None, str]:
    """SQLite has no NaN: it becomes NULL."""
    value = None if isnan(sample.value) else sample.value
    return run, sample.metric, value, dump_numbers(sample.series)


def read_run(row: sqlite3.Row, samples: Sequence[sqlite3.Row]) -> StoredRun:
    return StoredRun(
        id=row["id"],
        suite=row["suite"],
        fingerprint=row["fingerprint"],
        run=Run(
            benchmark=row["benchmark"],
            place=Place(role=row["role"], identity=row["identity"], detail=row["detail"]),
            started_at=row["started_at"],
            duration_seconds=row["duration_seconds"],
            command=row["command"],
            tool=row["tool"],
            tool_version=row["tool_version"],
            options=json.loads(row["options"]),
            samples=tuple(_sample(sample) for sample in samples),
            raw=unpacked(row["raw"]) if "raw" in row.keys() else "",  # noqa: SIM118 - a Row is no mapping
            aborted=row["aborted"],
            notes=tuple(json.loads(row["notes"])),
        ),
    )


def conditions(chosen: RunFilter) -> tuple[str, list[object]]:
    """The WHERE clause of a filter, and its values."""
    clauses = {
        "id = ?": chosen.id,
        "suite = ?": chosen.suite,
        "benchmark = ?": chosen.benchmark,
        "role = ?": chosen.role,
        "fingerprint = ?": chosen.fingerprint,
        "started_at >= ?": chosen.since,
    }
    given = {clause: value for clause, value in clauses.items() if value is not None}
    return " AND ".join(given) or "TRUE", list(given.values())


def text(value: str) -> str:
    r"""What SQLite can hold: bytes that were no UTF-8 are shown as `\udcff`."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def unpacked(raw: bytes) -> str:
    """The text that `run_row` packed; HistoryError for other bytes."""
    try:
        return gzip.decompress(raw).decode("utf-8", "surrogateescape") if raw else ""
    except (OSError, EOFError, zlib.error) as error:
        raise HistoryError(
            f"the raw output of a run is damaged in the history: {error}",
            remedy="read the history without it, or restore the file from a backup",
        ) from error


def _sample(row: sqlite3.Row) -> Sample:
    value = nan if row["value"] is None else row["value"]
    return Sample(metric=row["metric"], value=value, series=load_numbers(row["series"]))
