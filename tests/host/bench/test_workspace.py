"""Workspaces: never shared, always removed, and a killed owner's are cleared away by the next."""

import os
import shutil
import time
from pathlib import Path

import pytest

from nodeagent.host.process import start
from nodeagent.host.workspace import scratch_workspace, sweep_workspaces, workspace
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

pytestmark = pytest.mark.host


def test_a_workspace_is_private_and_gone_after_the_block(tmp_path: Path) -> None:
    with workspace(tmp_path / "runs") as place, workspace(tmp_path / "runs") as other:
        assert place.path != other.path
        assert place.path.stat().st_mode & 0o777 == 0o700
        (place.path / "deep").mkdir()
        (place.path / "deep" / "file").write_text("x")
        # Until it is removed, a sweep sees that it is in use.
        assert sweep_workspaces(tmp_path / "runs") == ()
        assert place.path.exists()
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_workspace_is_gone_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), workspace(tmp_path) as place:
        (place.path / "missing").read_text()
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_workspace_is_gone_with_its_base() -> None:
    with scratch_workspace() as place:
        base = place.path.parent
        assert base.exists()
    assert not base.exists()


def test_a_scratch_workspace_lies_where_a_sweep_looks(tmp_path: Path) -> None:
    with scratch_workspace(tmp_path / "runs") as place:
        assert place.path.parent == tmp_path / "runs"
    assert list((tmp_path / "runs").iterdir()) == []


def test_where_none_can_be_made_there_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(HostError, match="cannot make a workspace below"), workspace(tmp_path / "file"):
        pass


def test_a_sweep_ends_what_a_killed_owner_left_running_and_removes_its_files(tmp_path: Path) -> None:
    left = tmp_path / "run-0123"
    left.mkdir()
    (left / "lock").write_text("")
    (left / "fio.json").write_text("{")
    environment = (("NODEAGENT_RUN", "0123"),)
    with start(Command(argv=("sleep", "60"), timeout_seconds=60, environment=environment)) as orphan:
        said = sweep_workspaces(tmp_path)
        ended = orphan.wait(timeout_seconds=5)
    assert said == (f"removed {left} of a killed run, ended 1 of its processes",)
    assert ended is not None
    assert ended.signal == 9
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_touches_nothing_that_is_not_a_workspace(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    base = tmp_path / "runs"
    base.mkdir()
    (base / "run-link").symlink_to(outside)
    (base / "other").write_text("x")
    inner = base / "run-1"
    inner.mkdir()
    (inner / "lock").write_text("")
    (inner / "link").symlink_to(outside)
    sweep_workspaces(base)
    assert (outside / "precious").read_text() == "x"
    assert sorted(path.name for path in base.iterdir()) == ["other", "run-link"]
    assert sweep_workspaces(tmp_path / "nowhere") == ()


def test_a_workspace_that_was_never_finished_is_removed_when_it_is_old(tmp_path: Path) -> None:
    new, old = tmp_path / ".new-1", tmp_path / ".new-2"
    for path in (new, old):
        path.mkdir()
    os.utime(old, (time.time() - 3600, time.time() - 3600))
    sweep_workspaces(tmp_path)
    assert new.exists()
    assert not old.exists()


def test_files_are_read_whole_or_not_at_all(tmp_path: Path) -> None:
    with workspace(tmp_path) as place:
        (place.path / "small").write_bytes(b"caf\xc3\xa9 \xff")
        assert place.read(place.path / "small", limit_bytes=10) == "café \ufffd"
        assert place.read(place.path / "missing", limit_bytes=10) is None
        (place.path / "large").write_bytes(b"x" * 11)
        with pytest.raises(HostError, match="large: more than 10 bytes"):
            place.read(place.path / "large", limit_bytes=10)
        (place.path / "link").symlink_to("/etc/hostname")
        with pytest.raises(HostError, match="cannot read"):
            place.read(place.path / "link", limit_bytes=10)
        (place.path / "directory").mkdir()
        with pytest.raises(HostError, match="cannot read"):
            place.read(place.path / "directory", limit_bytes=10)
        os.mkfifo(place.path / "fifo")
        with pytest.raises(HostError, match="not a plain file"):
            place.read(place.path / "fifo", limit_bytes=10)
        assert place.size_bytes() >= 11
        shutil.rmtree(place.path)
        assert place.size_bytes() == 0
