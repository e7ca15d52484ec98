"""The command line of the house rules: what it prints, what it writes, its exit codes."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from house_lint.__main__ import main
from tests.terraform.test_house_lint import GOOD, write


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one good module; returns the module."""
    monkeypatch.chdir(tmp_path)
    module = write(tmp_path / "provisioning" / "terraform", GOOD)
    (tmp_path / "tests" / "terraform").mkdir(parents=True)
    return module


def test_a_good_tree_is_quiet(tree: Path) -> None:
    result = CliRunner().invoke(main, [])
    assert (result.exit_code, result.output) == (0, "")


def test_findings_are_told_and_fail(tree: Path) -> None:
    (tree / "outputs.tf").write_text('output "x" {\n  value = 1\n}\n')
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 1
    assert (
        result.output
        == "provisioning/terraform/modules/ssh-key/outputs.tf:1: documented: output x has no description\n"
    )


def test_stale_tables_fail_a_check_and_are_written_else(tree: Path) -> None:
    readme = tree / "README.md"
    stale = CliRunner().invoke(main, ["docs", "--check"])
    assert stale.exit_code == 1
    assert "its tables are out of date; next: make terraform-docs" in stale.output
    assert readme.read_text() == GOOD["README.md"]
    assert CliRunner().invoke(main, ["docs"]).exit_code == 0
    assert "| `label` |" in readme.read_text()
    assert CliRunner().invoke(main, ["docs", "--check"]).exit_code == 0


def test_a_readme_without_marks_fails_and_stays(tree: Path) -> None:
    (tree / "README.md").write_text("# Key\n")
    result = CliRunner().invoke(main, ["docs"])
    assert result.exit_code == 1
    assert "wanted the lines" in result.output
    assert (tree / "README.md").read_text() == "# Key\n"


def test_a_module_without_a_test_fails(tree: Path) -> None:
    untested = CliRunner().invoke(main, ["coverage"])
    assert (untested.exit_code, "NO TEST" in untested.output) == (1, True)
    (tree / "tests").mkdir()
    (tree / "tests" / "names.tftest.hcl").write_text('run "one" {\n}\n')
    tested = CliRunner().invoke(main, ["coverage"])
    assert (tested.exit_code, "names.tftest.hcl (1 runs)" in tested.output) == (0, True)
