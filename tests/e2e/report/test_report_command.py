"""`nodeagent report` from a shell: the decision as an exit code, whole files, one clear error for bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from junitparser import JUnitXml

from nodeagent.model.errors import ExitCode
from nodeagent.report.document import Decision
from nodeagent.report.json import parse

pytestmark = pytest.mark.e2e

AGENT = Path(__file__).parents[3] / "agent"
PROGRAM = [sys.executable, "-c", "import sys; from nodeagent.cli.main import main; sys.exit(main())"]
PROFILE = """\
schema: 1
name: as-it-is
summary: what every Linux machine has
tune:
  sysctl:
    kernel.ostype: Linux
"""


def report(*arguments: str, cwd: Path, **extra: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(AGENT), "NODEAGENT_STATE_DIR": str(cwd / "state"), **extra}
    environment.pop("NODEAGENT_PROFILE", None)
    return subprocess.run(
        [*PROGRAM, "report", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment,
        cwd=cwd,
        timeout=120,
        check=False,
    )


def test_a_machine_of_which_nothing_is_known_is_incomplete_and_told_what_to_do(tmp_path: Path) -> None:
    done = report(cwd=tmp_path)
    assert done.returncode == ExitCode.INCONCLUSIVE
    assert done.stdout.startswith("# … INCOMPLETE")
    assert "`nodeagent bench run`" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_json_on_stdout_is_the_whole_document(tmp_path: Path) -> None:
    done = report("--profile", "workstation", "--format", "json", cwd=tmp_path)
    document = parse(done.stdout)
    assert document.header.profile is not None
    assert document.header.profile.name == "workstation"
    assert document.decision in {Decision.NO_GO, Decision.INCOMPLETE}
    assert done.returncode == {"NO-GO": ExitCode.TARGET_MISSED, "INCOMPLETE": ExitCode.INCONCLUSIVE}[document.decision]
    assert json.loads(done.stdout)["schema_version"] == 1


@pytest.mark.parametrize(
    ("name", "begins"),
    [("r.html", "<!doctype html>"), ("r.md", "# "), ("r.json", "{"), ("r.xml", "<?xml"), ("r", "# ")],
)
def test_the_ending_of_the_file_chooses_the_format(tmp_path: Path, name: str, begins: str) -> None:
    done = report("--out", name, cwd=tmp_path)
    assert (tmp_path / name).read_text(encoding="utf-8").lstrip().startswith(begins)
    assert f"Report: {name}" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_junit_is_read_by_others_whatever_the_locale(tmp_path: Path) -> None:
    done = report("--format", "junit", cwd=tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert JUnitXml.fromstring(done.stdout.encode()).skipped == 2


def test_a_report_is_written_where_the_locale_knows_no_arrows(tmp_path: Path) -> None:
    done = report("--out", "r.html", cwd=tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert "…" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert done.returncode == ExitCode.INCONCLUSIVE
    assert report(cwd=tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--stage", "no-such-stage"], ExitCode.ERROR),
        (["--stage", "../../etc/passwd"], ExitCode.ERROR),
        (["--stage", ""], ExitCode.ERROR),
        (["--profile", "no-such-profile"], ExitCode.ERROR),
        (["--profile", "garbage.yaml"], ExitCode.ERROR),
        (["--profile", "/dev/zero"], ExitCode.ERROR),
        (["--target", "garbage.yaml"], ExitCode.ERROR),
        (["--target", "missing.yaml"], ExitCode.ERROR),
        (["--format", "pdf"], ExitCode.USAGE),
        (["--nonsense"], ExitCode.USAGE),
        (["extra"], ExitCode.USAGE),
        (["--out", "missing/report.html"], ExitCode.ERROR),
        (["--out", "."], ExitCode.USAGE),
        (["--out", "/proc/report.html"], ExitCode.ERROR),
    ],
)
def test_bad_input_is_one_clear_error_and_writes_nothing(tmp_path: Path, arguments: list[str], code: ExitCode) -> None:
    (tmp_path / "garbage.yaml").write_bytes(b"\x00\xff: [}\n" * 20)
    done = report(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert done.stderr.strip()
    assert [path.name for path in tmp_path.iterdir()] == ["garbage.yaml"]


@pytest.mark.parametrize("damaged", ["history.db", "journal.db"])
def test_a_damaged_store_is_told_in_the_report(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "profile.yaml").write_text(PROFILE)
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / damaged).write_bytes(os.urandom(4096))
    done = report("--profile", "./profile.yaml", "--format", "json", cwd=tmp_path)
    document = parse(done.stdout)
    assert document.decision is Decision.INCOMPLETE
    assert any(damaged.removesuffix(".db") in note for note in document.notes)
    assert [row.got for row in document.tuning] == ["Linux"]
