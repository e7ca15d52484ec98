"""`nodeagent tune` as it is typed, on a toy machine below --root."""

import io
import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nodeagent.cli.main import main
from nodeagent.cli.tune import _RISKS
from nodeagent.model.change import Risk
from nodeagent.model.errors import ExitCode
from tests.unit.tune.toys import make_host

FILES = {
    "/proc/sys/vm/swappiness": "60\n",
    "/proc/sys/vm/max_map_count": "65530\n",
    "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "/etc/hostname": "toy\n",
}
PROFILE = """\
schema: 1
summary: toys
tune:
  sysctl:
    vm.swappiness:
      value: "10"
      why: a reason that is long enough to need a second line in a terminal of eighty columns
      source: https://docs.kernel.org/
    vm.max_map_count: { value: ">=1000000", why: maps, source: here }
    net.ipv4.ip_local_port_range: { value: "32768 60999", why: ports, source: here }
    vm.dirty_ratio: { value: "10", mode: warn, why: told, source: here }
"""


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


@dataclass
class Toy:
    """A toy machine, its profile and the command line on it."""

    base: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def root(self) -> Path:
        return self.base / "root"

    @property
    def state(self) -> Path:
        return self.base / "state"

    def __call__(self, verb: str, *arguments: str, profile: bool = True) -> Answer:
        named = ["--profile", str(self.base / "toys.yaml")] if profile else []
        stateful = ["--state-dir", str(self.state)] if verb not in ("list", "verify", "explain") else []
        code = main(["tune", verb, *named, *stateful, "--root", str(self.root), *arguments])
        told = self.capsys.readouterr()
        return Answer(code=code, out=told.out, err=told.err)

    def bare(self, *arguments: str) -> Answer:
        code = main(["tune", *arguments])
        told = self.capsys.readouterr()
        return Answer(code=code, out=told.out, err=told.err)

    def values(self) -> list[str]:
        return [(self.root / path.lstrip("/")).read_text() for path in list(FILES)[:3]]


@pytest.fixture
def toy(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Toy:
    for name in ("NODEAGENT_PROFILE", "NODEAGENT_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    make_host(tmp_path / "root", FILES)
    (tmp_path / "toys.yaml").write_text(PROFILE)
    return Toy(base=tmp_path, capsys=capsys)


BEFORE = ["60\n", "65530\n", "32768\t60999\n"]
AFTER = ["10\n", "1000000\n", "32768\t60999\n"]


def test_a_plan_shows_got_wanted_why_and_a_summary_last(toy: Toy) -> None:
    answer = toy("plan")
    assert answer.code == ExitCode.OK
    lines = answer.out.splitlines()
    assert "  ~ vm.swappiness: 60 → 10" in lines
    assert "  ~ vm.max_map_count: 65530 → 1000000" in lines
    assert lines[-1] == "Plan: 2 to change, 0 to create, 0 to remove."
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in answer.out
    assert toy.values() == BEFORE
    assert not toy.state.exists()


def test_what_is_only_told_stands_beside_the_plan(toy: Toy) -> None:
    out = toy("plan").out
    assert "Not part of the plan" in out
    assert re.search(r"vm\.dirty_ratio", out)


def test_the_shell_command_comes_with_v(toy: Toy) -> None:
    assert "$ echo" not in toy("plan").out
    assert "      $ echo 10 > /proc/sys/vm/swappiness" in toy("plan", "-v").out.splitlines()


def test_json_says_how_many_changes_there_are(toy: Toy) -> None:
    document = toy("plan", "--output", "json").document
    assert (document["schema_version"], document["kind"], document["changes"]) == (1, "tune.plan", 2)
    assert [step["action"] for step in document["tunables"][0]["steps"]] == ["change", "change"]


def test_changes_are_an_exit_code_only_on_request(toy: Toy) -> None:
    assert toy("plan", "--detailed-exitcode").code == ExitCode.DIFFERS
    toy("apply", "--yes")
    answer = toy("plan", "--detailed-exitcode")
    assert answer.code == ExitCode.OK
    assert answer.out.splitlines()[-1] == "Plan: nothing to change."


def test_colour_only_where_it_is_asked_for(toy: Toy) -> None:
    arguments = ["tune", "plan", "--profile", str(toy.base / "toys.yaml"), "--root", str(toy.root)]
    main(["--color", "always", *arguments])
    assert "\x1b[" in toy.capsys.readouterr().out


def test_apply_verify_and_rollback(toy: Toy) -> None:
    applied = toy("apply", "--yes")
    assert applied.code == ExitCode.OK
    assert "Applied 2 changes." in applied.out
    assert re.search(r"To undo: nodeagent tune rollback --txn \S+", applied.out)
    assert "[1/2]" in applied.err
    assert toy.values() == AFTER
    verified = toy("verify")
    assert verified.code == ExitCode.OK
    assert verified.out.splitlines()[-1].startswith("Verify: 3 ok, 0 drift")
    rolled = toy("rollback", profile=False)
    assert rolled.code == ExitCode.OK
    assert rolled.out.splitlines()[-1] == "Rollback: 2 restored."
    assert toy.values() == BEFORE
    drift = toy("verify")
    assert drift.code == ExitCode.DIFFERS
    assert "current=60 recommended=10 (drift)" in drift.out


def test_nobody_to_ask_is_wrong_usage_and_changes_nothing(toy: Toy) -> None:
    answer = toy("apply")
    assert answer.code == ExitCode.USAGE
    assert "--yes" in answer.err
    assert toy.values() == BEFORE


class _Person(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "code", "values"),
    [("y\n", 0, AFTER), ("n\n", ExitCode.INTERRUPTED, BEFORE), ("", ExitCode.INTERRUPTED, BEFORE)],
)
def test_a_person_is_asked(toy: Toy, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, values: list[str]) -> None:
    monkeypatch.setattr(sys, "stdin", _Person(typed))
    answer = toy("apply")
    assert answer.code == code
    assert "Apply this plan?" in answer.err
    assert toy.values() == values


def test_a_saved_plan_is_applied_without_a_question_and_finds_its_profile(toy: Toy) -> None:
    saved = toy.base / "my.plan"
    planned = toy("plan", "--out", str(saved))
    assert f"nodeagent tune apply {saved}" in planned.out
    assert saved.stat().st_mode & 0o777 == 0o600
    assert toy("apply", str(saved), profile=False).code == ExitCode.OK
    assert toy.values() == AFTER


def test_a_plan_that_was_edited_is_refused(toy: Toy) -> None:
    saved = toy.base / "my.plan"
    toy("plan", "--out", str(saved))
    saved.write_text(saved.read_text().replace('"after": "10"', '"after": "11"'))
    answer = toy("apply", str(saved), profile=False)
    assert answer.code == ExitCode.REFUSED
    assert "its digest does not fit" in answer.err
    assert toy.values() == BEFORE


def test_a_plan_is_refused_when_its_profile_changed(toy: Toy) -> None:
    saved = toy.base / "my.plan"
    toy("plan", "--out", str(saved))
    (toy.base / "toys.yaml").write_text(PROFILE.replace('"10"', '"20"'))
    answer = toy("apply", str(saved), profile=False)
    assert answer.code == ExitCode.REFUSED
    assert "says something else" in answer.err


def test_apply_in_json_is_one_document(toy: Toy) -> None:
    answer = toy("apply", "--yes", "--output", "json")
    assert answer.err == ""
    document = answer.document
    assert (document["kind"], document["outcome"], document["changes"]) == ("tune.apply", "applied", 2)
    rolled = toy("rollback", "--output", "json", profile=False).document
    assert [step["fate"] for step in rolled["steps"]] == ["restored", "restored"]


def test_what_somebody_else_changed_is_told_with_three_states(toy: Toy) -> None:
    toy("apply", "--yes")
    (toy.root / "proc/sys/vm/swappiness").write_text("33\n")
    answer = toy("rollback", profile=False)
    assert answer.code == ExitCode.DIFFERS
    assert "(original 60, ours 10, now 33)" in " ".join(answer.out.split())
    assert "--disown" in answer.out
    assert toy("rollback", "--disown", profile=False).code == ExitCode.OK
    assert (toy.root / "proc/sys/vm/swappiness").read_text() == "33\n"


def test_the_history_tells_the_story_and_checks_the_chain(toy: Toy) -> None:
    assert "Nothing was ever changed" in toy("history", profile=False).out
    transaction = toy("apply", "--yes", "--output", "json").document["transaction"]
    toy("rollback", profile=False)
    told = toy("history", profile=False)
    assert transaction in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    assert re.search(r"\d+ records, chain intact, head sha256:[0-9a-f]{16}", told.out)
    records = toy("history", transaction, "-v", profile=False).out
    assert "was 60, to be 10" in records
    assert "$ echo 10 > /proc/sys/vm/swappiness" in records
    document = toy("history", "--output", "json", profile=False).document
    assert document["intact"] is True
    assert [one["state"] for one in document["transactions"]] == ["applied", "rolled-back"]


def test_a_damaged_journal_can_still_be_read_and_stops_the_rest(toy: Toy) -> None:
    toy("apply", "--yes")
    connection = sqlite3.connect(toy.state / "journal.db", isolation_level=None)
    connection.execute("DROP TRIGGER records_stay_as_they_are")
    connection.execute("UPDATE records SET body = '{}' WHERE seq = 4")
    connection.close()
    told = toy("history", profile=False)
    assert told.code == ExitCode.ERROR
    assert "DAMAGED: record 4" in told.out
    for answer in (toy("apply", "--yes"), toy("rollback", profile=False)):
        assert answer.code == ExitCode.ERROR
        assert "is damaged" in answer.err
    assert toy.values() == AFTER


def test_the_list_says_what_is_enabled_and_supported(toy: Toy) -> None:
    out = toy("list").out
    assert re.search(r"^sysctl +yes +yes +live$", out, re.MULTILINE)
    assert re.search(r"^transparent-hugepages +no +no +live$", out, re.MULTILINE)
    assert "this kernel has no /sys/kernel/mm/transparent_hugepage" in " ".join(out.split())
    rows = toy("list", "--output", "json", profile=False).document["tunables"]
    assert {row["enabled"] for row in rows} == {None}
    assert max(map(len, out.splitlines())) <= 80


def test_the_first_apply_keeps_the_typed_profile_for_those_who_only_look(toy: Toy) -> None:
    assert toy("apply", "--yes").code == ExitCode.OK
    assert len(list((toy.state / "profiles").glob("profile-*.json"))) == 1


def test_an_explanation_has_why_sources_needs_and_settings_with_their_lines(toy: Toy) -> None:
    out = toy("explain", "sysctl").out
    for word in ("kernel parameters below /proc/sys", "tuned#882", "risk", "needs", "sources"):
        assert word in out
    for word in ("vm.swappiness: 10 (enforce)", "toys.yaml:6:"):
        assert word in out
    document = toy("explain", "sysctl", "--output", "json").document
    assert {setting["name"] for setting in document["settings"]} >= {"vm.swappiness", "vm.max_map_count"}
    assert document["supported"] is True


def test_the_risks_that_can_be_allowed_are_those_of_the_model() -> None:
    assert set(_RISKS) == {risk.value for risk in Risk} - {Risk.LIVE.value}


@pytest.mark.parametrize("verb", ["list", "plan", "apply", "confirm", "verify", "rollback", "history", "explain"])
def test_every_verb_has_help(toy: Toy, verb: str) -> None:
    answer = toy.bare(verb, "--help")
    assert answer.code == 0
    assert "Usage: nodeagent tune" in answer.out
    assert "--root" not in answer.out


def _not_a_profile(toy: Toy) -> list[str]:
    (toy.base / "bad.yaml").write_text("schema: 1\nsummary: x\ntune:\n  sysctl: { vm.swappines: }\n  unheard: 1\n")
    return ["plan", "--profile", str(toy.base / "bad.yaml")]


def _state_is_a_file(toy: Toy) -> list[str]:
    (toy.base / "file").write_text("")
    return [
        "apply",
        "--yes",
        "--profile",
        str(toy.base / "toys.yaml"),
        "--root",
        str(toy.root),
        "--state-dir",
        str(toy.base / "file"),
    ]


def _out_is_a_directory(toy: Toy) -> list[str]:
    return [
        "plan",
        "--profile",
        str(toy.base / "toys.yaml"),
        "--root",
        str(toy.root),
        "--out",
        str(toy.base / "none" / "x"),
    ]


def _out_is_a_device(toy: Toy) -> list[str]:
    os.mkfifo(toy.base / "pipe")
    (toy.base / "link").symlink_to("pipe")
    return ["plan", "--profile", str(toy.base / "toys.yaml"), "--root", str(toy.root), "--out", str(toy.base / "link")]


BAD: list[tuple[list[str] | Callable[[Toy], list[str]], int]] = [
    (["plan"], ExitCode.USAGE),
    (["verify"], ExitCode.USAGE),
    (["apply", "--yes"], ExitCode.USAGE),
    (["plan", "--profile", "no-such-profile"], ExitCode.ERROR),
    (["plan", "--profile", "../../../../etc/passwd"], ExitCode.ERROR),
    (["plan", "--profile", "/dev/null"], ExitCode.ERROR),
    (["plan", "--profile", ""], ExitCode.USAGE),
    (["plan", "--profile", "workstation", "--only", "sysctll"], ExitCode.USAGE),
    (["plan", "--profile", "workstation", "--only", ""], ExitCode.USAGE),
    (["plan", "--nonsense"], ExitCode.USAGE),
    (["plan", "--root", "/no/such/place"], ExitCode.USAGE),
    (["apply", "/no/such.plan"], ExitCode.ERROR),
    (["apply", "/dev/null"], ExitCode.REFUSED),
    (["apply", "/dev/zero"], ExitCode.REFUSED),
    (["apply", "/etc/passwd"], ExitCode.REFUSED),
    (["apply", "--yes", "--profile", "workstation", "--confirm-within", "soon"], ExitCode.USAGE),
    (["apply", "--yes", "--profile", "workstation", "--confirm-within", "1s"], ExitCode.USAGE),
    (["apply", "--yes", "--profile", "workstation", "--allow", "everything"], ExitCode.USAGE),
    (["explain", "nothing"], ExitCode.USAGE),
    (["explain"], ExitCode.USAGE),
    (["frobnicate"], ExitCode.USAGE),
    (_not_a_profile, ExitCode.ERROR),
    (_state_is_a_file, ExitCode.USAGE),
    (_out_is_a_directory, ExitCode.ERROR),
    (_out_is_a_device, ExitCode.USAGE),
]


@pytest.mark.parametrize(("arguments", "code"), BAD)
def test_bad_input_is_one_clear_error_and_changes_nothing(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, arguments: list[str] | Callable[[Toy], list[str]], code: int
) -> None:
    monkeypatch.setenv("NODEAGENT_STATE_DIR", str(toy.state))
    answer = toy.bare(*(arguments if isinstance(arguments, list) else arguments(toy)))
    assert answer.code == code, answer.err
    assert answer.err.strip()
    assert "Traceback" not in answer.err
    assert "internal error" not in answer.err
    assert toy.values() == BEFORE
    assert not toy.state.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["rollback", "--txn", "t9"],
        ["rollback", "--key", "k"],
        ["rollback", "--tunable", "t"],
        ["history", "t9"],
        ["confirm", "t9"],
    ],
)
def test_a_name_that_the_journal_does_not_know_is_wrong_usage(toy: Toy, arguments: list[str]) -> None:
    toy("apply", "--yes")
    answer = toy(arguments[0], *arguments[1:], profile=False)
    assert answer.code == ExitCode.USAGE
    assert "nodeagent tune history" in answer.err
    assert toy.values() == AFTER


def test_confirm_without_anything_waiting_is_refused(toy: Toy) -> None:
    assert toy("confirm", profile=False).code == ExitCode.REFUSED
    toy("apply", "--yes")
    assert toy("confirm", profile=False).code == ExitCode.REFUSED


def test_a_capture_can_be_planned_but_not_applied(toy: Toy) -> None:
    (toy.base / "a-file").write_text("")
    profile = str(toy.base / "toys.yaml")
    answer = toy.bare("apply", "--yes", "--profile", profile, "--root", str(toy.base / "a-file"))
    assert answer.code == ExitCode.USAGE
    assert "is a capture" in answer.err


def test_leftovers_of_a_killed_apply_are_told_and_undone(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    from nodeagent.tune.step import carry_out as real

    name = "nodeagent.tune.apply.carry_out"

    class Killed(BaseException):
        pass

    def die(*_arguments: Any, **_more: Any) -> None:
        raise Killed

    def once_then_die(*arguments: Any, **more: Any) -> None:
        real(*arguments, **more)
        monkeypatch.setattr(name, die)

    monkeypatch.setattr(name, once_then_die)
    with pytest.raises(Killed):
        toy("apply", "--yes")
    monkeypatch.setattr(name, real)
    assert toy.values()[0] == "10\n"
    assert "was cut off; the next apply undoes" in " ".join(toy("plan").out.split())
    answer = toy("apply", "--yes")
    assert answer.code == ExitCode.OK
    assert "Left by an earlier run:" in answer.out
    toy("rollback", profile=False)
    assert toy.values() == BEFORE


def test_a_lost_terminal_does_not_stop_an_apply(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    real = click.echo

    def hung_up(*arguments: Any, **more: Any) -> None:
        if more.get("err"):
            raise BrokenPipeError
        real(*arguments, **more)

    monkeypatch.setattr(click, "echo", hung_up)
    assert toy("apply", "--yes").code == ExitCode.OK
    assert toy.values() == AFTER


def test_a_plan_tells_the_drift_that_none_of_its_steps_mends(toy: Toy) -> None:
    """No drive for a mount point: nothing can be done about it here, and saying nothing would look like success."""
    (toy.base / "toys.yaml").write_text(
        "schema: 1\nsummary: a drive that is not there\ntune:\n  filesystem:\n"
        "    - {mount_point: /mnt/ledger, device: {serial: NONE}, type: ext4, label: a, make: when-empty}\n"
    )
    answer = toy("plan")
    assert "Not part of the plan" in answer.out
    assert "NA-DISK-010" in answer.out
