"""A result is written whole, or the old one stays."""

import os
from pathlib import Path

import pytest

from nodeagent.host.output_file import write_output
from nodeagent.model.errors import HostError


def test_a_file_is_made_with_the_mode_that_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_output(tmp_path / "report.md", "größer\n")
    finally:
        os.umask(before)
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == "größer\n"
    assert (tmp_path / "report.md").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("old, and longer than the new one")
    write_output(tmp_path / "report.md", "new")
    assert (tmp_path / "report.md").read_text() == "new"


@pytest.mark.parametrize("name", ["missing/report.md", "directory", "x" * 300])
def test_what_cannot_be_written_is_one_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(HostError, match="cannot write"):
        write_output(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]


def test_an_old_file_stays_whole_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report.md").write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HostError, match="No space left"):
        write_output(tmp_path / "report.md", "new")
    assert (tmp_path / "report.md").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]
