"""Every house rule finds what it is for, and leaves a good configuration alone."""

from pathlib import Path

import pytest

from house_lint.configuration import find, read
from house_lint.coverage import coverage
from house_lint.documents import BEGIN, END, NoMarksError, with_tables
from house_lint.rules import RULES

VERSIONS = """
terraform {
  required_version = ">= 1.11"
  required_providers {
    cherryservers = {
      source  = "cherryservers/cherryservers"
      version = "1.5.3"
    }
  }
}
"""
GOOD = {
    "main.tf": """
# A key for everybody.
locals {
  label = "${var.label}-key"
}

resource "cherryservers_ssh_key" "this" {
  name       = local.label
  public_key = file("key.pub")
}
""",
    "variables.tf": """
variable "label" {
  description = "What the key is called | in the portal."
  type        = string
  default     = "all"

  validation {
    condition     = length(var.label) > 0
    error_message = "label: wanted some letters."
  }
}
""",
    "outputs.tf": """
output "id" {
  description = "Number of the key."
  value       = cherryservers_ssh_key.this.id
}
""",
    "versions.tf": VERSIONS,
    "README.md": f"# Key\n\n{BEGIN}\n{END}\n",
}


def write(directory: Path, files: dict[str, str]) -> Path:
    """A module of these files."""
    module = directory / "modules" / "ssh-key"
    module.mkdir(parents=True)
    for name, text in files.items():
        (module / name).write_text(text)
    return module


def findings(directory: Path, changes: dict[str, str]) -> list[str]:
    """`rule: message` of everything that is found in the good module with some files changed."""
    configuration = read(write(directory, GOOD | changes))
    return [f"{finding.rule}: {finding.message}" for rule in RULES for finding in rule(configuration)]


def test_a_good_module_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("file", "addition", "wanted"),
    [
        ("variables.tf", 'variable "x" {\n  type = bool\n}', "documented: variable x has no description"),
        (
            "variables.tf",
            'variable "x" {\n  description = "X."\n}',
            "documented: variable x has no type, or the type any",
        ),
        ("outputs.tf", 'output "x" {\n  value = 1\n}', "documented: output x has no description"),
        (
            "main.tf",
            "locals {\n  aB = 1\n}\nmoved {\n  from = local.aB\n  to = x\n}",
            "naming: local aB is not named in",
        ),
        (
            "main.tf",
            'output "x" {\n  description = "X."\n  value = 1\n}',
            "structure: output x belongs into outputs.tf",
        ),
        ("main.tf", 'module "x" {\n  source = "ns/x/cherry"\n}', "pinned: module x takes whatever version"),
        ("main.tf", 'resource "aws_vpc" "x" {\n}', "pinned: resource aws_vpc x needs provider aws"),
        ("main.tf", "locals {\n  x = 1\n}", "unused: local x is used nowhere"),
        ("main.tf", 'data "cherryservers_plan" "x" {\n  slug = "a"\n}', "unused: data cherryservers_plan x is used"),
        (
            "main.tf",
            'resource "cherryservers_project" "x" {\n  name    = "${local.label}"\n  team_id = 1\n}',
            "syntax: a lone expression stands without quotes and ${}",
        ),
        (
            "outputs.tf",
            'output "bmc_password" {\n  description = "Password."\n  value       = "x"\n}',
            "secrets: output bmc_password is named like a secret",
        ),
        ("main.tf", "// A remark.", "syntax: comments begin with #"),
        (
            "main.tf",
            'resource "cherryservers_project" "x" {\n  name    = terraform.workspace\n  team_id = 1\n}',
            "syntax: environments are directories, not workspaces",
        ),
        (
            "main.tf",
            'resource "cherryservers_project" "x" {\n  name    = cherryservers_ssh_key.this.0.id\n  team_id = 1\n}',
            "syntax: an index stands in brackets",
        ),
    ],
)
def test_a_fault_is_found(tmp_path: Path, file: str, addition: str, wanted: str) -> None:
    found = findings(tmp_path, {file: GOOD[file] + addition + "\n"})
    assert any(line.startswith(wanted) for line in found), found


def test_a_variable_of_any_text_must_be_checked_somewhere(tmp_path: Path) -> None:
    variable = 'variable "zone" {\n  description = "Zone."\n  type = string\n}\n'
    used = 'resource "cherryservers_project" "x" {\n  name    = var.zone\n  team_id = 1\n%s}\n'
    wanted = "validated: variable zone takes any value; say by a validation which it may have"
    files = {"variables.tf": GOOD["variables.tf"] + variable, "main.tf": GOOD["main.tf"] + used % ""}
    assert findings(tmp_path / "unchecked", files) == [wanted]
    condition = (
        '  lifecycle {\n    precondition {\n      condition = local.known\n      error_message = "No."\n    }\n  }\n'
    )
    checked = GOOD["main.tf"] + used % condition + 'locals {\n  known = var.zone == "a"\n}\n'
    assert findings(tmp_path / "checked", files | {"main.tf": checked}) == []


def test_versions_are_bounded_from_above(tmp_path: Path) -> None:
    loose = VERSIONS.replace('"1.5.3"', '">= 1.5"').replace('  required_version = ">= 1.11"\n', "")
    assert findings(tmp_path, {"versions.tf": loose}) == [
        "pinned: no terraform block says required_version",
        "pinned: terraform does not bound the version of provider cherryservers from above",
    ]


def test_a_finding_names_its_line(tmp_path: Path) -> None:
    module = write(tmp_path, GOOD | {"outputs.tf": GOOD["outputs.tf"] + 'output "x" {\n  value = 1\n}\n'})
    (finding,) = (finding for rule in RULES for finding in rule(read(module)))
    assert str(finding) == f"{module / 'outputs.tf'}:6: documented: output x has no description"


def test_the_tables_of_a_readme_are_what_the_files_say(tmp_path: Path) -> None:
    configuration = read(write(tmp_path, GOOD))
    text = with_tables(f"# Key\n{BEGIN}\nold\n{END}\nafterwards\n", configuration)
    assert "old" not in text
    assert text.endswith(f"{END}\nafterwards\n")
    assert "| cherryservers (cherryservers/cherryservers) | `1.5.3` |" in text
    assert r'| `label` | What the key is called \| in the portal. | `string` | `"all"` |' in text
    assert "| `id` | Number of the key. |  |" in text
    assert with_tables(text, configuration) == text
    with pytest.raises(NoMarksError):
        with_tables("# Key\n", configuration)


def test_coverage_names_the_tests_of_a_module_and_who_calls_it(tmp_path: Path) -> None:
    module = write(tmp_path / "terraform", GOOD)
    caller = tmp_path / "terraform" / "environments" / "spare"
    caller.mkdir(parents=True)
    (caller / "main.tf").write_text('module "key" {\n  source = "../../modules/ssh-key"\n}\n')
    (module / "tests").mkdir()
    (module / "tests" / "names.tftest.hcl").write_text('run "one" {\n}\nrun "two" {\n}\n')
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_local.py").write_text('LOCAL = CONFIGURATIONS / "environments" / "spare"\n')
    environment, key = coverage(find(tmp_path / "terraform"), tests)
    assert (environment.python_tests, environment.is_tested) == (("test_local.py",), True)
    assert (key.terraform_tests, key.called_by) == ({"names.tftest.hcl": 2}, ("environments/spare",))
