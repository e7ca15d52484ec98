"""`nodeagent profile` as it is typed: what it prints, and with which code it ends."""

import json
import re
from pathlib import Path

import pytest

from nodeagent.cli.main import main
from nodeagent.model.errors import ExitCode

_WRONG = "schema: 1\nsummary: wrong\ntune:\n  sysctl:\n    vm.swappiness: 300\n    kernel.core_pattern: '|/tmp/x'\n"


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.yaml"
    path.write_text(_WRONG)
    return path


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    main(["profile", *arguments, "--output", "json"])
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert document["kind"] == f"profile.{arguments[0]}"
    return document


def test_list_names_profiles_and_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "list"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert re.search(r"^workstation +harmless limits", out, re.MULTILINE)
    assert [stage in out for stage in ("local", "vm", "staging", "production")] == [True] * 4
    assert max(map(len, out.splitlines())) <= 80


def test_list_tells_of_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    assert main(["profile", "list", "--search", str(tmp_path)]) == ExitCode.OK
    assert f"can't be read: nodeagent profile validate {tmp_path}/broken.yaml" in capsys.readouterr().out


def test_show_prints_the_file_and_resolved_prints_what_it_comes_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "schema: 1\nsummary: own\nextends: [workstation]\nleave_out: [tune.block-queue]\n"
    path = tmp_path / "own.yaml"
    path.write_text(text + "tune: {sysctl: {vm.swappiness: 10}}\n")
    assert main(["profile", "show", str(path)]) == ExitCode.OK
    assert capsys.readouterr().out == path.read_text()
    assert main(["profile", "show", str(path), "--resolved"]) == ExitCode.OK
    out = capsys.readouterr().out
    (row,) = (line.split() for line in out.splitlines() if "swappiness" in line)
    assert row == ["tune.sysctl.vm.swappiness", "10", "own.yaml:5:32"]
    assert "without tune.block-queue" in out
    assert "nvme" not in out


def test_show_as_json_is_the_typed_profile(capsys: pytest.CaptureFixture[str]) -> None:
    document = _json(capsys, "show", "workstation")
    tune = document["tune"]
    assert isinstance(tune, dict)
    assert tune["sysctl"]["vm.max_map_count"]["bound"] == ">="


def test_validate_tells_every_fault_of_every_file(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = Path(__file__).parents[3] / "profiles" / "targets" / "local.yaml"
    assert main(["profile", "validate", "workstation", str(target), str(wrong), "/absent.yaml"]) == ExitCode.ERROR
    out = capsys.readouterr().out
    assert "✓ workstation: profile workstation, 3 tunables" in out
    assert f"✓ {target}: 14 targets" in out
    assert f"{wrong}:5:20: tune.sysctl.vm.swappiness: wanted 0 to 200, got '300'" in out
    assert f"{wrong}:6:5: tune.sysctl.kernel.core_pattern: the kernel runs what it names as root; " in out
    assert "/absent.yaml:1:1: cannot be read: No such file or directory" in out
    assert out.endswith("2 of 4 valid\n")


def test_validate_as_json_has_every_fault_in_fields(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = _json(capsys, "validate", str(wrong))["documents"]
    assert isinstance(documents, list)
    assert [document["valid"] for document in documents] == [False]
    assert [(fault["line"], fault["column"], fault["path"]) for fault in documents[0]["problems"]] == [
        (5, 20, "tune.sysctl.vm.swappiness"),
        (6, 5, "tune.sysctl.kernel.core_pattern"),
    ]


def test_explain_tells_where_a_value_comes_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("schema: 1\nsummary: own\nextends: [workstation]\ntune: {sysctl: {vm.swappiness: 10}}\n")
    assert main(["profile", "explain", str(path), "tune.sysctl.vm.swappiness"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3] == "tune.sysctl.vm.swappiness: 10"
    assert lines[-2].endswith("workstation.yaml:28:14: <=30 (warn)")
    assert lines[-1] == f"  ✓ {path}:4:32: 10"


@pytest.mark.parametrize("document", ["profile", "targets"])
def test_schema_is_the_one_that_is_checked_in(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "schema", document]) == ExitCode.OK
    kept = Path(__file__).parents[3] / "profiles" / "schema" / f"{document}.schema.json"
    assert capsys.readouterr().out == kept.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["show", "workstaton"], ExitCode.ERROR, "did you mean 'workstation'?"),
        (["show", "../x"], ExitCode.ERROR, "cannot be read: No such file or directory"),
        (["show", "a;b"], ExitCode.ERROR, "is no name of a profile"),
        (["show", "/dev/zero"], ExitCode.ERROR, "is not a regular file"),
        (["show", "/"], ExitCode.ERROR, "is not a regular file"),
        (["show", "./" + "x" * 5000], ExitCode.ERROR, "File name too long"),
        (
            ["explain", "workstation", "tune.sysctl.vm.swapp"],
            ExitCode.ERROR,
            "did you mean 'tune.sysctl.vm.swappiness'?",
        ),
        (["show"], ExitCode.USAGE, "Missing argument 'PROFILE'"),
        (["validate"], ExitCode.USAGE, "Missing argument 'FILE...'"),
        (["schema", "x"], ExitCode.USAGE, "is not one of 'profile', 'targets'"),
        (["list", "--search", "/absent"], ExitCode.USAGE, "does not exist"),
    ],
)
def test_what_cannot_be_meant_ends_in_one_clear_error(
    arguments: list[str], code: ExitCode, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "Traceback" not in err


def test_a_name_completes_in_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    import click

    from nodeagent.cli.profile import show

    context = click.Context(show)
    argument = show.params[0]
    assert [item.value for item in argument.shell_complete(context, "work")] == ["workstation"]
