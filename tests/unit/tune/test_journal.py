"""The journal keeps what it was given, sees every alteration, and falls silent for good after a failed write."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nodeagent.model.change import WriteConfig, WriteFile
from nodeagent.model.errors import JournalError, RefusedError
from nodeagent.tune.document import change_to_document
from nodeagent.tune.journal import FILE_NAME, Journal
from nodeagent.tune.ledger import Outcome
from nodeagent.tune.record import FIRST_HASH, Draft, RecordType, body_to_text, record_hash
from tests.unit.tune.clock import FakeClock

KNOB = WriteFile(key="vm.swappiness", tunable="toy", path="/proc/sys/vm/swappiness", before="60", after="10")
FILE = WriteConfig(key="file:/etc/x", tunable="toy", path="/etc/x", before=None, after="x\n")


def open_journal(directory: Path, boot_id: str = "boot-1") -> Journal:
    return Journal(directory, boot_id=boot_id, clock=FakeClock())


def intend(journal: Journal, transaction: str, change: WriteFile | WriteConfig, state: str) -> int:
    record = journal.append(
        RecordType.INTENT,
        transaction,
        key=change.key,
        change=change_to_document(change),
        state=state,
        raw=state,
        place="",
    )
    return record.seq


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "state") as opened:
        opened.append(RecordType.BEGIN, "t1", kind="apply", profile="p")
        yield opened


def test_the_file_is_for_us_alone(journal: Journal) -> None:
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_record_is_on_disk_when_append_returns(journal: Journal) -> None:
    seq = intend(journal, "t1", KNOB, "60")
    with sqlite3.connect(f"file:{journal.path}?mode=ro", uri=True) as reader:
        row = reader.execute("SELECT type, key, boot_id FROM records WHERE seq = ?", (seq,)).fetchone()
    reader.close()
    assert row == ("intent", "vm.swappiness", "boot-1")


def test_every_commit_is_synced(journal: Journal) -> None:
    """2 is FULL; NORMAL does not sync a commit in WAL mode."""
    connection = journal._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_ledger_is_the_same_after_a_restart(journal: Journal) -> None:
    seq = intend(journal, "t1", KNOB, "60")
    journal.append(RecordType.DONE, "t1", key=KNOB.key, intents=[seq], state="10")
    before, head = journal.ledger, journal.head
    journal.close()
    with open_journal(journal.path.parent) as again:
        assert again.ledger == before
        assert again.head == head != FIRST_HASH


def test_several_records_are_one_commit(journal: Journal) -> None:
    seqs = [intend(journal, "t1", KNOB, "60"), intend(journal, "t1", FILE, "absent")]
    journal.append_all([Draft(type=RecordType.LAPSED, transaction="t1", body={"intents": [seq]}) for seq in seqs])
    assert [intent.owned for intent in journal.ledger.intents.values()] == [False, False]


def test_the_first_intent_wins_until_it_was_rolled_back(journal: Journal) -> None:
    first = intend(journal, "t1", KNOB, "60")
    journal.append(RecordType.BEGIN, "t2", kind="apply")
    second = intend(journal, "t2", KNOB, "10")
    assert journal.ledger.original(KNOB.key, boot_id="boot-1") == "60"
    journal.append(RecordType.ROLLED, "t2", intents=[first, second])
    assert journal.ledger.original(KNOB.key, boot_id="boot-1") is None
    intend(journal, "t2", KNOB, "33")
    assert journal.ledger.original(KNOB.key, boot_id="boot-1") == "33"


def test_a_knob_of_another_boot_is_no_original_but_a_file_is(journal: Journal) -> None:
    intend(journal, "t1", KNOB, "60")
    intend(journal, "t1", FILE, "absent")
    assert journal.ledger.original(KNOB.key, boot_id="boot-2") is None
    assert journal.ledger.original(FILE.key, boot_id="boot-2") == "absent"


def test_a_step_that_did_not_happen_is_not_owned(journal: Journal) -> None:
    seq = intend(journal, "t1", KNOB, "60")
    journal.append(RecordType.VOID, "t1", intents=[seq])
    assert journal.ledger.intents[seq].outcome is Outcome.VOID
    assert journal.ledger.original(KNOB.key, boot_id="boot-1") is None


def test_rows_cannot_be_changed_or_deleted(journal: Journal) -> None:
    for statement in ("UPDATE records SET txn = 'x'", "DELETE FROM records"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            journal._connection.execute(statement)


def _tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TRIGGER records_stay_as_they_are")
    connection.execute("DROP TRIGGER records_stay")
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        (
            "UPDATE records SET body = replace(body, '\"60\"', '\"10\"') WHERE seq = 2",
            "record 2 is not what was written",
        ),
        ("UPDATE records SET wall_seconds = 0 WHERE seq = 1", "record 1 is not what was written"),
        ("UPDATE records SET hash = 'abc' WHERE seq = 3", "record 3 is not what was written"),
        ("UPDATE records SET type = 'gossip' WHERE seq = 2", "record 2: .*gossip"),
        ("DELETE FROM records WHERE seq = 2", "record 2 is missing"),
        ("DELETE FROM records WHERE seq = 1", "record 1 is missing"),
    ],
)
def test_what_was_tampered_with_is_refused(journal: Journal, statement: str, complaint: str) -> None:
    seq = intend(journal, "t1", KNOB, "60")
    journal.append(RecordType.DONE, "t1", intents=[seq])
    journal.close()
    _tamper(journal.path, statement)
    with pytest.raises(JournalError, match=complaint) as caught:
        open_journal(journal.path.parent)
    assert caught.value.remedy is not None
    assert "undo" in caught.value.remedy


@pytest.mark.parametrize("damage", [lambda old: b"no database" * 1000, lambda old: old[:100] + os.urandom(8000)])
def test_what_is_no_database_is_damaged(journal: Journal, damage: Callable[[bytes], bytes]) -> None:
    journal.close()
    journal.path.write_bytes(damage(journal.path.read_bytes()))
    before = journal.path.read_bytes()
    with pytest.raises(JournalError, match="damaged"):
        open_journal(journal.path.parent)
    assert journal.path.read_bytes() == before


def _hide_the_last_record(content: bytes) -> bytes:
    """The number of cells on the page of the records, one less (https://www.sqlite.org/fileformat2.html, 1.6)."""
    rotten = bytearray(content)
    rotten[4096 + 4] -= 1
    return bytes(rotten)


@pytest.mark.parametrize(
    "rot",
    [
        _hide_the_last_record,
        lambda content: content.replace(b"CREATE TRIGGER", b"CREATE \xff\xfeRIGGER"),
        # The serial type of the text "begin": 23, one less is a blob of the same length.
        lambda content: content.replace(bytes([11, 0, 23, 17]), bytes([11, 0, 22, 17])),
    ],
    ids=["a record that a page no longer shows", "a schema that is no UTF-8", "a value of another type"],
)
def test_what_rotted_on_the_disk_is_damaged(journal: Journal, rot: Callable[[bytes], bytes]) -> None:
    journal.close()
    content = journal.path.read_bytes()
    assert rot(content) != content
    journal.path.write_bytes(rot(content))
    with pytest.raises(JournalError, match="is damaged"):
        open_journal(journal.path.parent)


def test_a_newer_journal_is_left_alone(journal: Journal) -> None:
    journal.close()
    connection = sqlite3.connect(journal.path, isolation_level=None)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match="newer nodeagent"):
        open_journal(journal.path.parent)


NONSENSE = (RecordType.END, "t9", {"outcome": "applied"})


@pytest.mark.parametrize(
    ("kind", "transaction", "body"),
    [NONSENSE, (RecordType.BEGIN, "t1", {"kind": "apply"}), (RecordType.DONE, "t1", {"intents": [7]})],
)
def test_a_record_that_makes_no_sense_is_never_written(
    journal: Journal, kind: RecordType, transaction: str, body: dict[str, Any]
) -> None:
    head = journal.head
    with pytest.raises(ValueError, match="makes no sense"):
        journal.append(kind, transaction, **body)
    assert journal.head == head
    journal.close()
    with open_journal(journal.path.parent) as again:
        assert again.head == head


@pytest.mark.parametrize(
    ("kind", "transaction", "body"), [NONSENSE, (RecordType.INTENT, "t1", {"change": {}}), (RecordType.BEGIN, "t2", {})]
)
def test_a_record_that_makes_no_sense_is_damage(
    journal: Journal, kind: RecordType, transaction: str, body: dict[str, Any]
) -> None:
    text = body_to_text(body)
    names = (2, kind.value, transaction, "boot-1", "")
    row = (*names, 0.0, 0.0, text, record_hash(journal.head, names, (0.0, 0.0), text))
    journal.close()
    connection = sqlite3.connect(journal.path, isolation_level=None)
    connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()
    with pytest.raises(JournalError, match="record 2 makes no sense"):
        open_journal(journal.path.parent)


class _FailingDisk:
    """Stands before a connection and answers one statement with the error of a bad disk."""

    def __init__(self, inner: sqlite3.Connection, failing: str) -> None:
        self.inner, self.failing, self.calls = inner, failing, 0

    def __enter__(self) -> None:
        self.inner.__enter__()

    def __exit__(self, *error: object) -> None:
        if self.failing == "COMMIT" and self.calls:
            self.inner.rollback()
            raise sqlite3.OperationalError("disk I/O error")
        self.inner.__exit__(*error)  # type: ignore[arg-type]

    def execute(self, statement: str) -> None:
        self.calls += 1
        if statement.startswith(self.failing):
            raise sqlite3.OperationalError("database or disk is full")
        self.inner.execute(statement)

    def executemany(self, statement: str, rows: object) -> None:
        if statement.startswith(self.failing):
            raise sqlite3.OperationalError("database or disk is full")
        self.inner.executemany(statement, rows)  # type: ignore[arg-type]


@pytest.mark.parametrize("failing", ["BEGIN", "INSERT", "COMMIT"])
def test_a_failed_write_silences_the_journal_for_good(journal: Journal, failing: str) -> None:
    inner = journal._connection
    journal._connection = _FailingDisk(inner, failing)  # type: ignore[assignment]
    with pytest.raises(JournalError, match=r"disk"):
        intend(journal, "t1", KNOB, "60")
    journal._connection = inner
    assert journal.failure
    with pytest.raises(JournalError, match="nothing more was changed"):
        intend(journal, "t1", KNOB, "60")
    assert journal.ledger.intents == {}
    journal.close()
    with open_journal(journal.path.parent) as again:
        assert again.ledger.intents == {}


def test_a_planted_link_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (tmp_path / "victim").write_bytes(b"")
    (state / FILE_NAME).symlink_to(tmp_path / "victim")
    with pytest.raises(RefusedError, match="symbolic link"):
        open_journal(state)
    assert (tmp_path / "victim").read_bytes() == b""


def test_keys_and_values_that_are_no_text_are_kept(journal: Journal) -> None:
    odd = WriteFile(key="k\udcff", tunable="toy", path="/sys/\udcfe", before="\udc80", after="2")
    seq = intend(journal, "t1", odd, "\udc80")
    journal.close()
    with open_journal(journal.path.parent) as again:
        assert again.ledger.intents[seq].change == odd
        assert again.ledger.original(odd.key, boot_id="boot-1") == "\udc80"
