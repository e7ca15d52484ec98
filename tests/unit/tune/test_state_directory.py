"""Where the state is kept, and who may not get at it."""

import os
from pathlib import Path

import pytest

from nodeagent.host.state_directory import (
    ensure_state_directory,
    open_own_file,
    state_directory,
    write_own_file,
)
from nodeagent.model.errors import HostError, RefusedError


def test_the_option_stands_over_the_variable_and_that_over_the_default(tmp_path: Path) -> None:
    variables = {"NODEAGENT_STATE_DIR": "/from/variable"}
    assert state_directory(tmp_path, environment=variables) == tmp_path
    assert state_directory(environment=variables) == Path("/from/variable")
    assert state_directory(root=tmp_path, environment={}) == tmp_path / "var/lib/nodeagent"


def test_root_keeps_it_in_var_lib_and_others_below_their_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_directory(environment={}) == Path("/var/lib/nodeagent")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert state_directory(environment={"HOME": "/home/x"}) == Path("/home/x/.local/state/nodeagent")
    assert state_directory(environment={"XDG_STATE_HOME": "/s"}) == Path("/s/nodeagent")
    relative = {"HOME": "/home/x", "XDG_STATE_HOME": "s"}
    assert state_directory(environment=relative) == Path("/home/x/.local/state/nodeagent")


def test_a_relative_option_is_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert state_directory(Path("state")) == tmp_path / "state"


def test_it_is_made_for_us_alone_with_its_parents(tmp_path: Path) -> None:
    made = ensure_state_directory(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700
    assert ensure_state_directory(made) == made


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("link", "dangling"):
        with pytest.raises(RefusedError, match="symbolic link"):
            ensure_state_directory(tmp_path / name)
    assert not (tmp_path / "nowhere").exists()


def test_a_directory_that_others_may_write_into_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    with pytest.raises(RefusedError, match="mode 0777"):
        ensure_state_directory(state)
    with pytest.raises(RefusedError, match="others may write into"):
        ensure_state_directory(state / "below")


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = ensure_state_directory(tmp_path / "state")
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(RefusedError, match=f"belongs to user {mine}"):
        ensure_state_directory(state)


def test_a_file_in_its_place_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(RefusedError, match="not a directory"):
        ensure_state_directory(tmp_path / "state")
    with pytest.raises(HostError, match="Not a directory") as caught:
        ensure_state_directory(tmp_path / "state" / "below")
    assert caught.value.remedy is not None
    assert "--state-dir" in caught.value.remedy


def test_planted_links_and_second_names_are_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "link").symlink_to("victim")
    (tmp_path / "hard").hardlink_to(victim)
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("link", "symbolic link"), ("hard", "2 names"), ("pipe", "not a plain file")):
        with pytest.raises(RefusedError, match=reason):
            open_own_file(tmp_path / name, os.O_RDWR | os.O_CREAT)
    assert victim.read_text() == "precious"


def test_a_new_file_is_ours_alone(tmp_path: Path) -> None:
    os.close(open_own_file(tmp_path / "lock", os.O_RDWR | os.O_CREAT))
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_own_file(tmp_path / "plan", b"old", mode=0o640)
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: real(descriptor, content[:1]))
    with pytest.raises(OSError, match="only 1 of 3 bytes"):
        write_own_file(tmp_path / "plan", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["plan"]
    assert (tmp_path / "plan").read_bytes() == b"old"
    assert (tmp_path / "plan").stat().st_mode & 0o777 == 0o640
