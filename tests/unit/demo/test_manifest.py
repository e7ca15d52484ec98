"""What a demo writes down survives it, and only a dead demo's directory is taken for abandoned."""

import os
import time
from pathlib import Path

import pytest

from nodeagent.demo.manifest import Claim


@pytest.fixture
def base(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "demo"


def test_what_was_noted_comes_back_newest_first(base: Path) -> None:
    claim = Claim.make(base)
    for number in ("1001", "1002"):
        claim.note("loop", number)
    claim.note("namespace", "n")
    assert claim.noted("loop") == ("1002", "1001")
    assert claim.noted("namespace") == ("n",)
    claim.release()


def test_a_line_that_a_crash_cut_short_is_no_line(base: Path) -> None:
    claim = Claim.make(base)
    claim.note("loop", "1001")
    with (claim.path / "manifest").open("a") as manifest:
        manifest.write('{"kind": "loop", "na')
    assert claim.noted("loop") == ("1001",)
    claim.release()


def test_nothing_is_noted_before_anything_is_made(base: Path) -> None:
    claim = Claim.make(base)
    assert claim.noted("loop") == ()
    claim.release()


def test_a_demo_under_way_is_not_abandoned_and_a_dead_one_is(base: Path) -> None:
    alive, dead = Claim.make(base), Claim.make(base)
    dead.release()
    found = list(Claim.abandoned(base))
    assert [claim.path for claim in found] == [dead.path]
    assert list(Claim.abandoned(base)) == []  # both are locked now
    for claim in (*found, alive):
        claim.release()


def test_a_base_that_does_not_exist_holds_nothing(base: Path) -> None:
    assert list(Claim.abandoned(base)) == []


def test_other_files_below_the_base_are_not_ours(base: Path) -> None:
    Claim.make(base).release()
    (base / "notes").mkdir()
    (base / "abcdefg").mkdir()
    found = list(Claim.abandoned(base))
    assert len(found) == 1
    found[0].release()


def test_a_directory_that_never_got_its_name_goes_after_a_while(base: Path) -> None:
    Claim.make(base).release()
    old, new = base / ".new-aaaaaa", base / ".new-bbbbbb"
    for path in (old, new):
        path.mkdir()
    past = time.time() - 3600
    os.utime(old, (past, past))
    for claim in Claim.abandoned(base):
        claim.release()
    assert not old.exists()
    assert new.exists()
