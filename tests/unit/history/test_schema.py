"""Migrations, foreign and damaged files, full disks: each ends whole, or with what to do next."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from nodeagent.history import History, Suite
from nodeagent.history.schema import APPLICATION_ID, migrations
from nodeagent.model.errors import BusyError, ExitCode, HistoryError, RefusedError

FIRST = migrations()[0]
SECOND = "ALTER TABLE suite ADD COLUMN note TEXT NOT NULL DEFAULT '';\nCREATE TABLE extra (x INTEGER) STRICT;\n"
BROKEN = "CREATE TABLE half (x INTEGER) STRICT;\nINSERT INTO nowhere VALUES (1);\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def tables_of(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def with_one_suite(path: Path) -> None:
    with History.open(path, steps=(FIRST,)) as history:
        history.begin_suite(Suite(id="s1", started_at=1.0))


def test_a_new_file_gets_the_newest_schema_and_our_mark(path: Path) -> None:
    History.open(path).close()
    assert version_of(path) == len(migrations())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_every_table_is_strict(path: Path) -> None:
    History.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        loose = connection.execute(
            "SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    assert loose == []


def test_an_older_file_is_brought_up_without_losing_a_row(path: Path) -> None:
    with_one_suite(path)
    History.open(path, steps=(FIRST, SECOND)).close()
    assert version_of(path) == 2
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT id, note FROM suite").fetchall() == [("s1", "")]


def test_opening_twice_migrates_once(path: Path) -> None:
    for _ in range(2):
        History.open(path, steps=(FIRST, SECOND)).close()
    assert version_of(path) == 2


def test_a_migration_that_fails_half_way_leaves_the_version_before(path: Path) -> None:
    with_one_suite(path)
    with pytest.raises(HistoryError, match="nowhere"):
        History.open(path, steps=(FIRST, BROKEN))
    assert version_of(path) == 1
    assert "half" not in tables_of(path)
    with History.open(path, steps=(FIRST,)) as history:
        assert [suite.id for suite in history.suites()] == ["s1"]


def test_a_migration_cut_off_in_a_statement_is_a_defect_that_changes_nothing(path: Path) -> None:
    with pytest.raises(ValueError, match="ends within a statement"):
        History.open(path, steps=("CREATE TABLE half (x INTEGER",))
    assert version_of(path) == 0
    assert tables_of(path) == set()


def test_a_newer_file_is_not_written_and_the_message_says_which_version_it_takes(path: Path) -> None:
    History.open(path, steps=(FIRST, SECOND)).close()
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=r"newer nodeagent \(schema 2, this one writes 1\)") as caught:
        History.open(path, steps=(FIRST,))
    assert "--export" in str(caught.value.remedy)
    assert path.read_bytes() == before


def test_a_newer_file_can_still_be_read_and_exported(path: Path) -> None:
    with_one_suite(path)
    with History.open(path, steps=(FIRST, SECOND)) as newer:
        newer._connection.execute("INSERT INTO extra VALUES (7)")
    with History.open(path, read_only=True, steps=(FIRST,)) as older:
        assert [suite.id for suite in older.suites()] == ["s1"]
        rows = list(older.export())
    assert {"table": "extra", "x": 7} in rows
    assert any(row["table"] == "suite" and row["note"] == "" for row in rows)


def test_reading_an_older_file_says_who_brings_it_up(path: Path) -> None:
    with_one_suite(path)
    with pytest.raises(HistoryError, match="schema 1, and this nodeagent reads 2"):
        History.open(path, read_only=True, steps=(FIRST, SECOND))


def test_reading_never_makes_a_file(path: Path) -> None:
    with pytest.raises(HistoryError, match="no history at") as caught:
        History.open(path, read_only=True)
    assert caught.value.remedy == "nodeagent bench run"
    assert not path.exists()


def test_reading_never_writes(path: Path) -> None:
    with_one_suite(path)
    with History.open(path, read_only=True) as history, pytest.raises(HistoryError, match="readonly"):
        history.begin_suite(Suite(id="s2", started_at=2.0))


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be looked at", b"\0" * 4096])
def test_a_file_that_is_no_database_is_kept_and_the_message_says_how_to_go_on(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(HistoryError, match="is damaged") as caught:
        History.open(path)
    assert f"mv {path}*" in str(caught.value.remedy)
    assert path.read_bytes() == content


def test_a_damaged_file_is_kept_and_the_message_says_how_to_go_on(path: Path) -> None:
    with History.open(path) as history:
        for number in range(300):
            history.begin_suite(Suite(id=f"{number}", started_at=1.0, command="x" * 200))
    whole = bytearray(path.read_bytes())
    whole[4096:] = b"\xa5" * (len(whole) - 4096)
    path.write_bytes(whole)
    with History.open(path) as history, pytest.raises(HistoryError, match="is damaged"):
        history.suites()
    assert path.read_bytes()[4096:] == bytes(whole[4096:])


def test_somebody_elses_database_is_refused_unchanged(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(HistoryError, match="not a history of nodeagent"):
        History.open(path)
    assert tables_of(path) == {"mine"}
    assert path.read_bytes() == before


def test_a_full_disk_is_a_clear_error_and_what_was_there_stays(path: Path) -> None:
    with History.open(path) as history:
        history.begin_suite(Suite(id="s1", started_at=1.0))
        pages = history._connection.execute("PRAGMA page_count").fetchone()[0]
        history._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(HistoryError, match="the disk is full"):
            history.begin_suite(Suite(id="s2", started_at=2.0, command="x" * 100_000))
        assert [suite.id for suite in history.suites()] == ["s1"]


def test_a_locked_file_is_busy_not_broken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodeagent.history.connection.BUSY_TIMEOUT_SECONDS", 0.05)
    with History.open(path) as history, History.open(path) as other:
        other._connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match="locked by another process") as caught:
            history.begin_suite(Suite(id="s1", started_at=1.0))
    assert caught.value.exit_code is ExitCode.BUSY


def test_a_link_in_place_of_the_file_is_refused(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)
    with pytest.raises(RefusedError, match="symbolic link"):
        History.open(path)
    assert victim.read_text() == "precious"


def test_a_directory_in_place_of_the_file_is_a_clear_error(path: Path) -> None:
    path.mkdir()
    with pytest.raises(HistoryError, match="cannot open the history"):
        History.open(path)


def test_a_path_with_characters_that_mean_something_in_an_address_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory&b#c%41.db"
    History.open(path).close()
    assert path.exists()
