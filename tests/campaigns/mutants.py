"""Mistakes that somebody could make in the engine, made on purpose: a campaign that lets one pass proves nothing.

Each is a patch of this process for a while; the product has no such switch.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nodeagent.host import state_directory
from nodeagent.host.changes import directory as directory_change
from nodeagent.host.changes import replacement
from nodeagent.host.host import Host
from nodeagent.model.change import Change
from nodeagent.tune import apply as apply_module
from nodeagent.tune import journal as journal_module
from nodeagent.tune import recover as recover_module
from nodeagent.tune.document import change_to_document
from nodeagent.tune.ledger import Intent
from nodeagent.tune.record import Record, RecordType
from nodeagent.tune.session import Session
from nodeagent.tune.undo import script as undo_script
from nodeagent.tune.undo import undo as undo_module


@dataclass(frozen=True, slots=True)
class Mutant:
    """`name` says the mistake; `make` patches it in."""

    name: str
    make: Callable[[pytest.MonkeyPatch], None]

    @contextmanager
    def active(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            self.make(patch)
            yield


def _no_sync(patch: pytest.MonkeyPatch) -> None:
    prepare = journal_module._prepare

    def unsafe(connection: sqlite3.Connection) -> None:
        prepare(connection)
        connection.execute("PRAGMA synchronous = OFF")

    patch.setattr(journal_module, "_prepare", unsafe)


def _intent_after_write(patch: pytest.MonkeyPatch) -> None:
    def carry_out(session: Session, transaction: str, change: Change, **_numbers: int) -> None:
        before = session.look(change)
        session.perform(change)
        intent = session.journal.append(
            RecordType.INTENT,
            transaction,
            key=change.key,
            change=change_to_document(change),
            state=before.state,
            raw=before.raw,
            place=before.place,
        )
        state = session.look(change).state
        session.journal.append(RecordType.DONE, transaction, key=change.key, intents=[intent.seq], state=state)

    patch.setattr(apply_module, "carry_out", carry_out)


def _last_original_wins(patch: pytest.MonkeyPatch) -> None:
    def begin(key: Any, session: Session, transaction: str, group: list[Intent]) -> None:
        key.session, key.transaction, key.group = session, transaction, group
        key.first = key.last = group[-1]

    patch.setattr(undo_module._Key, "__init__", begin)


def _no_directory_sync(patch: pytest.MonkeyPatch) -> None:
    def nothing(_directory: Path) -> None:
        return

    patch.setattr(replacement, "sync_directory", nothing)
    patch.setattr(directory_change, "sync_directory", nothing)
    patch.setattr(state_directory, "_sync", nothing)


def _written_in_place(patch: pytest.MonkeyPatch) -> None:
    def write(path: Path, content: bytes, mode: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(descriptor, content)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
        os.close(descriptor)
        replacement.sync_directory(path.parent)

    def replace(host: Host, path: str, content: bytes, *, mode: int, **_how: Any) -> None:
        write(host.path(path), content, mode)

    def write_own_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
        write(path, content, mode)

    patch.setattr(replacement, "replace", replace)
    patch.setattr(undo_script, "write_own_file", write_own_file)


def _hashes_unchecked(patch: pytest.MonkeyPatch) -> None:
    def whatever_it_says(record: Record, _previous: str) -> str:
        return record.hash

    patch.setattr(Record, "expected_hash", whatever_it_says)


def _content_unsynced(patch: pytest.MonkeyPatch) -> None:
    """The rename may come back without the content."""
    write = replacement._write

    def unsynced(location: Path, content: bytes, **how: Any) -> None:
        write(location, content, **{**how, "durable": False})

    patch.setattr(replacement, "_write", unsynced)


def _reboot_unnoticed(patch: pytest.MonkeyPatch) -> None:
    def nothing(_session: Session) -> tuple[undo_module.UndoStep, ...]:
        return ()

    patch.setattr(recover_module, "lapse", nothing)


MUTANTS: tuple[Mutant, ...] = (
    Mutant("no sync of the journal", _no_sync),
    Mutant("the write before its intent", _intent_after_write),
    Mutant("the last original wins", _last_original_wins),
    Mutant("no sync of directories", _no_directory_sync),
    Mutant("files rewritten in place", _written_in_place),
    Mutant("hashes not checked", _hashes_unchecked),
    Mutant("no sync of a new file's content", _content_unsynced),
    Mutant("a reboot not noticed", _reboot_unnoticed),
)
