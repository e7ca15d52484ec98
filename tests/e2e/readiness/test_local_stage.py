"""`make stage-local`, and the hook that reviews plans before they are committed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from nodeagent.model.errors import ExitCode
from tests.terraform import local_stage
from tests.unit.readiness.plans import FIXTURES

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]


def test_the_local_stage_is_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.json"
    assert local_stage.main([], plan=plan) == ExitCode.OK
    last = capsys.readouterr().out.splitlines()[-1]
    assert "GO: stage local" in last
    assert last.endswith("4,900.00 of 5,092.59 EUR a month, applying it buys nothing.")


def test_the_local_stage_holds_a_budget(tmp_path: Path) -> None:
    assert local_stage.main(["--budget", "4899.99"], plan=tmp_path / "plan.json") == ExitCode.TARGET_MISSED


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["nothing-to-do"], ExitCode.OK),
        (["nothing-to-do", "destroy"], ExitCode.TARGET_MISSED),
    ],
)
def test_the_hook_reviews_every_plan_that_it_is_given(names: list[str], code: ExitCode) -> None:
    """As pre-commit does: the entry, the arguments of the repository that uses it, then the files."""
    (hook,) = YAML(typ="safe").load((ROOT / ".pre-commit-hooks.yaml").read_text())
    files = [str(FIXTURES / f"{name}.json") for name in names]
    words: list[Any] = [*hook["entry"].split()[1:], "--stage", "local", *files]
    script = "import sys; from nodeagent.cli.main import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert done.stdout.count("stage local") == len(names)
