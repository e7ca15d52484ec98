"""The journal can be read by whoever may, as far as it can be trusted."""

import sqlite3
from pathlib import Path

import pytest

from nodeagent.model.errors import JournalError
from nodeagent.tune.reading import has_journal, read_journal, read_ledger
from tests.unit.tune.test_apply import A, B, C
from tests.unit.tune.toys import World, profile_of

THREE = profile_of(knobs={A: "10", B: "20", C: "30"})


def tamper(world: World, statement: str) -> None:
    connection = sqlite3.connect(world.state / "journal.db", isolation_level=None)
    connection.execute("DROP TRIGGER records_stay_as_they_are")
    connection.execute("DROP TRIGGER records_stay")
    connection.execute(statement)
    connection.close()


def test_everything_is_read_and_nothing_written(world: World) -> None:
    world.apply(THREE)
    before = (world.state / "journal.db").read_bytes()
    reading = read_journal(world.state)
    assert (reading.problem, reading.rest, len(reading.records)) == ("", 0, 9)
    assert read_ledger(world.state) == (reading.ledger, reading.head)
    assert (world.state / "journal.db").read_bytes() == before


def test_what_stands_before_the_damage_is_still_told(world: World) -> None:
    world.apply(THREE)
    tamper(world, "UPDATE records SET body = '{}' WHERE seq = 4")
    reading = read_journal(world.state)
    assert [record.seq for record in reading.records] == [1, 2, 3]
    assert "record 4 is not what was written" in reading.problem
    assert reading.rest == 5
    with pytest.raises(JournalError, match="record 4"):
        read_ledger(world.state)
    with pytest.raises(JournalError, match="record 4"):
        world.apply(THREE)


def test_a_file_that_is_no_journal_is_an_error(tmp_path: Path) -> None:
    assert not has_journal(tmp_path)
    (tmp_path / "journal.db").write_bytes(b"no database at all" * 100)
    assert has_journal(tmp_path)
    with pytest.raises(JournalError, match="not a database"):
        read_journal(tmp_path)
