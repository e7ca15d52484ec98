"""The command line of the house rules; what it prints and its exit code are all that it adds."""

import sys
from pathlib import Path

import click

from house_lint import documents
from house_lint.configuration import find
from house_lint.coverage import coverage
from house_lint.rules import RULES

TOP = Path("provisioning/terraform")
TESTS = Path("tests/terraform")


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Hold the Terraform files against the house rules."""
    if context.invoked_subcommand is not None:
        return
    findings = sorted(finding for configuration in find(TOP) for rule in RULES for finding in rule(configuration))
    for finding in findings:
        click.echo(finding)
    sys.exit(bool(findings))


@main.command("docs")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where a table is out of date.")
def docs(*, check: bool) -> None:
    """Write the tables of the README files."""
    stale = False
    for configuration in find(TOP):
        readme = documents.readme(configuration)
        text = readme.read_text() if readme.exists() else ""
        try:
            wanted = documents.with_tables(text, configuration)
        except documents.NoMarksError as error:
            click.echo(f"{readme}: {error}", err=True)
            stale = True
            continue
        if wanted != text and check:
            click.echo(f"{readme}: its tables are out of date; next: make terraform-docs", err=True)
            stale = True
        elif wanted != text:
            readme.write_text(wanted)
    sys.exit(stale)


@main.command("coverage")
def covered() -> None:
    """List the tests of every configuration; exit 1 where one has none."""
    entries = coverage(find(TOP), TESTS)
    for entry in entries:
        runs = [f"{name} ({count} runs)" for name, count in entry.terraform_tests.items()]
        tests = ", ".join([*runs, *entry.python_tests]) or ("none of its own" if entry.is_tested else "NO TEST")
        callers = f"; called by {', '.join(entry.called_by)}" if entry.called_by else ""
        click.echo(f"{entry.configuration}: {tests}{callers}")
    sys.exit(not all(entry.is_tested for entry in entries))


if __name__ == "__main__":
    main(prog_name="house_lint")
