"""docs/add-a-tunable.md does what it says: its four files, written into a copy of the tree, make a working tunable."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

_TREE = Path(__file__).parents[2]
_PAGE = _TREE / "docs" / "add-a-tunable.md"
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".cache", "__pycache__", "dist", "build", ".*_cache", "node_modules"
)
_NODEAGENT = (sys.executable, "-c", "import sys; from nodeagent.cli.main import main; sys.exit(main())")


@dataclass(frozen=True)
class Copy:
    """The tree with the four files in it, and a machine made of files for them."""

    directory: Path
    machine: Path
    touched: tuple[str, ...]

    def run(self, *argv: str, code: int = 0) -> str:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(self.directory / "agent"), str(self.directory)]),
            "NODEAGENT_STATE_DIR": str(self.machine.parent / "state"),
            "MYPYPATH": "agent",
            "COLUMNS": "120",
        }
        done = subprocess.run(
            argv,
            cwd=self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == code, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def nodeagent(self, *arguments: str, code: int = 0) -> str:
        return self.run(*_NODEAGENT, *arguments, code=code)

    def tune(self, verb: str, *arguments: str, code: int = 0) -> str:
        profile = () if verb == "rollback" else ("--profile", str(self.machine.parent / "ksm.yaml"))
        return self.nodeagent("tune", verb, *profile, "--root", str(self.machine), *arguments, code=code)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    directory = tmp_path_factory.mktemp("walkthrough")
    tree = directory / "tree"
    shutil.copytree(_TREE, tree, ignore=_LEFT_OUT, symlinks=True)
    blocks = _BLOCK.findall(_PAGE.read_text())
    named = [(kind, name, text) for kind, name, text in blocks if name]
    for kind, name, text in named:
        _write(tree / name, text, is_diff=kind == "diff")
    (profile,) = (text for kind, name, text in blocks if kind == "yaml" and not name)
    (directory / "ksm.yaml").write_text(profile)
    machine = directory / "machine"
    for path, text in {
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "proc/sys/kernel/random/boot_id": "11111111-2222-3333-4444-555555555555\n",
        "sys/kernel/mm/ksm/run": "1\n",
    }.items():
        (machine / path).parent.mkdir(parents=True, exist_ok=True)
        (machine / path).write_text(text)
    return Copy(directory=tree, machine=machine, touched=tuple(name for _, name, _ in named))


def _write(path: Path, text: str, *, is_diff: bool) -> None:
    if not is_diff:
        assert not path.exists(), f"{path} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return
    content, above = path.read_text(), ""
    for line in text.splitlines():
        if line.startswith("+"):
            assert content.count(above) == 1, f"{path} has not exactly one line {above!r}"
            content = content.replace(above, f"{above}{line[1:]}\n")
        above = f"{line[1:]}\n"
    path.write_text(content)


def test_four_files_are_all_that_is_written_by_hand(copy: Copy) -> None:
    assert copy.touched == (
        "agent/nodeagent/tune/tunables/ksm.py",
        "agent/nodeagent/tune/tunables/__init__.py",
        "tests/plans/ksm.json",
        "docs/tunables/ksm.md",
    )


def test_linters_and_types_are_content(copy: Copy) -> None:
    new = copy.touched[0]
    copy.run(sys.executable, "-m", "ruff", "check", "--no-cache", new)
    copy.run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", new)
    copy.run(sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(copy.directory.parent / "mypy"), new)


def test_its_cases_and_its_page_pass_the_tests_of_every_tunable(copy: Copy) -> None:
    told = copy.run(
        *(sys.executable, "-m", "pytest", "-q", "-n0", "-k", "ksm or dozen"),
        *("tests/plans/test_cases.py", "tests/unit/tunables/test_pages.py"),
    )
    assert "14 passed" in told


def test_the_command_line_and_the_schema_know_it(copy: Copy) -> None:
    listed = json.loads(copy.nodeagent("tune", "list", "--root", str(copy.machine), "--output", "json"))
    assert "ksm" in [tunable["tunable"] for tunable in listed["tunables"]]
    schema = json.loads(copy.nodeagent("profile", "schema"))
    assert "ksm" in json.dumps(schema)


def test_it_is_planned_applied_verified_and_undone(copy: Copy) -> None:
    knob = copy.machine / "sys/kernel/mm/ksm/run"
    assert "run" in copy.tune("plan", "--detailed-exitcode", code=2)
    copy.tune("verify", code=2)
    assert knob.read_text().strip() == "1"
    copy.tune("apply", "--yes")
    assert knob.read_text().strip() == "0"
    copy.tune("verify")
    copy.tune("plan", "--detailed-exitcode")
    copy.tune("rollback")
    assert knob.read_text().strip() == "1"
