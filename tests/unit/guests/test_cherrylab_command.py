"""`cherrylab guest`: what it says where there is nothing to work on. Machines themselves are in tests/lab."""

import json
import os
from pathlib import Path

import pytest

from cherrylab import cli
from cherrylab.guests import kept_lab
from cherrylab.guests.template import PEER
from nodeagent.model.errors import ExitCode, UsageError


@pytest.fixture(autouse=True)
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for labs, seen by somebody who is root."""
    monkeypatch.setenv("NODEAGENT_LAB_ROOT", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def _keep(labs: Path, *names: str) -> None:
    """The files of a kept lab, as `up` leaves them."""
    lab = labs / "lab-x"
    lab.mkdir()
    (lab / "kept").touch()
    for number, name in enumerate(names, start=1):
        directory = lab / f"g{number}"
        directory.mkdir()
        note = {"name": name, "number": number, "template": "peer", "image": "/image"}
        (directory / "guest.json").write_text(json.dumps(note))


def test_without_a_guest_the_list_names_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["guest", "list"]) == ExitCode.OK
    assert "next: cherrylab guest up" in capsys.readouterr().out


def test_a_guest_is_found_again_by_its_directory(labs: Path) -> None:
    _keep(labs, "node", "peer")
    kept = kept_lab.find("peer")
    assert kept.guest.number == 2
    assert kept.guest.template == PEER
    assert kept.guest.management_address == "10.77.0.12"
    assert kept.guest.keep
    assert kept.guest.network.namespace == "na-lab-x"
    assert [one.name for one in kept_lab.find_all()] == ["node", "peer"]


def test_a_lab_that_is_not_kept_is_nobody_elses_business(labs: Path) -> None:
    _keep(labs, "node")
    (labs / "lab-x/kept").unlink()
    assert kept_lab.find_all() == ()


@pytest.mark.parametrize("command", [["ssh", "nde"], ["console", "nde"], ["down", "nde"]])
def test_an_unknown_name_is_answered_with_those_there_are(
    command: list[str], labs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "require_programs", lambda names: None)
    _keep(labs, "node")
    assert cli.main(["guest", *command]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "no guest is called 'nde'; there are node" in said
    assert "next: cherrylab guest list" in said


@pytest.mark.parametrize("arguments", [[], ["node", "--all"]])
def test_down_wants_a_name_or_all_of_them(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["guest", "down", *arguments]) == ExitCode.USAGE
    assert "--all" in capsys.readouterr().err


def test_down_with_nobody_there_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["guest", "down", "--all"]) == ExitCode.OK
    assert "No guest was up." in capsys.readouterr().out


@pytest.mark.parametrize("name", ["", "Node", "../x", "a b", "-x", "x" * 40])
def test_a_name_that_could_be_something_else_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="can't be called"):
        kept_lab.up(PEER, name=name)


def test_a_missing_program_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_PROGRAMS", ("qemu-system-vax",))
    assert cli.main(["guest", "up"]) == ExitCode.ERROR
    said = capsys.readouterr().err
    assert "there is no qemu-system-vax on this machine" in said
    assert "next: scripts/install-system-tools lab" in said


def test_who_is_not_root_is_told_why_that_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.main(["guest", "list"]) == ExitCode.ERROR
    assert "only root" in capsys.readouterr().err


def test_wrong_usage_has_the_exit_code_of_nodeagent() -> None:
    assert cli.main(["guest", "up", "--template", "mainframe"]) == ExitCode.USAGE
    assert cli.main(["gast"]) == ExitCode.USAGE
    assert cli.main(["--help"]) == ExitCode.OK
