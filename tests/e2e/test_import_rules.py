"""The rules of setup.cfg and ruff.toml bite: each forbidden import, planted in a copy of the tree, is found."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy without what linters cache."""
    shutil.copytree(ROOT / "agent", tmp_path / "agent", symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "ruff.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("model/cpuset.py", "from nodeagent.host.host import Host"),
        ("model/units.py", "import subprocess"),
        ("tune/tunables/sysctl.py", "from nodeagent.host.host import Host"),
        ("tune/tunables/sysctl.py", "import subprocess"),
        ("tune/plan.py", "from nodeagent.host.host import Host"),
        ("bench/judge.py", "import socket"),
        ("bench/benchmark.py", "from nodeagent.tune.plan import make_plan"),
        ("profiles/load.py", "import subprocess"),
        ("history/store.py", "import click"),
        ("host/host.py", "import nodeagent.tune.plan"),
        ("report/document.py", "import nodeagent.host.process"),
        ("report/document.py", "import nodeagent.serve"),
        ("readiness/review/plan.py", "import nodeagent.host.process"),
        ("readiness/review/rules/budget.py", "import nodeagent.cherry.api"),
        ("cli/stage.py", "import httpx"),
    ],
)
def test_import_linter_finds_a_forbidden_import(tree: Path, module: str, planted: str) -> None:
    _plant(tree / "agent" / "nodeagent" / module, planted)
    # The tool puts the working directory first on the path, so that it reads the copy.
    done = _run(tree, "lint-imports", "--no-cache", str(tree / "setup.cfg"))
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("tune/plan.py", "import subprocess"),
        ("tune/plan.py", "import socket"),
        ("bench/engine.py", "from os import system"),
        ("bench/engine.py", "import click"),
        ("profiles/load.py", "import yaml"),
        ("cherry/server.py", "import httpx"),
        ("report/document.py", "from . import plots"),
    ],
)
def test_ruff_finds_a_forbidden_import(tree: Path, module: str, planted: str) -> None:
    _plant(tree / "agent" / "nodeagent" / module, planted)
    done = _run(tree, "ruff", "check", "--select", "TID", "--no-cache", "agent")
    assert done.returncode == 1, done.stdout
    assert module in done.stdout


def test_the_tree_as_it_is_keeps_the_rules(tree: Path) -> None:
    assert "0 broken" in _run(tree, "lint-imports", "--no-cache", str(tree / "setup.cfg")).stdout
    assert _run(tree, "ruff", "check", "--select", "TID", "--no-cache", "agent").returncode == 0


def _plant(module: Path, line: str) -> None:
    text = module.read_text()
    module.write_text(f"{text}\n{line}\n")


def _run(tree: Path, tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / tool), *arguments],
        cwd=tree,
        env={"PYTHONPATH": str(tree / "agent"), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
