"""`nodeagent stage`: review a Terraform plan before it is applied."""

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from nodeagent.cli.output import Terminal
from nodeagent.model.errors import ExitCode

_STAGES = ("local", "vm", "staging", "production")  # readiness/review/stage.py; a test compares

_file = click.Path(path_type=Path, exists=True, dir_okay=False)


def _amount(written: str) -> Decimal:
    """A decimal number of 0 or more, never a float; click tells a ValueError as wrong usage."""
    try:
        number = Decimal(written)
    except InvalidOperation as error:
        raise ValueError(written) from error
    if not number.is_finite() or number < 0:
        raise ValueError(written)
    return number


def _rate(written: str) -> Decimal:
    """As an amount, but more than nothing."""
    if not (number := _amount(written)):
        raise ValueError(written)
    return number


@click.group()
def command() -> None:
    """Hold a stage against what must be true before it begins.

    \b
    terraform show -json plan.tfplan > plan.json
    nodeagent stage review plan.json --stage production
    """


@command.command()
@click.argument("plans", type=_file, nargs=-1, required=True, metavar="PLAN.json...")
@click.option("--stage", type=click.Choice(_STAGES), default="local", show_default=True, help="Whose budget and rules.")
@click.option("--budget", type=_amount, metavar="EUR", help="What a month may cost; default: the stage's budget.")
@click.option(
    "--prices", type=_file, metavar="FILE", help="Prices in the shape of GET /v1/plans; default: the shipped."
)
@click.option("--usd-per-eur", type=_rate, metavar="RATE", help="Exchange rate; default: the price list's.")
@click.option("--vat-percent", type=_amount, metavar="PERCENT", help="Tax inside taxed prices; default: the list's.")
@click.option("--with-vat", is_flag=True, help="Count with value added tax. Budgets are held against that sum, too.")
@click.option("--runs", type=click.IntRange(1, 1000), help="Test runs a month, for machines that live for a run.")
@click.option("--hours-per-run", type=click.IntRange(1, 730), help="Hours that such a machine lives in each run.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where terraform init ran, for backend and lock file; default: the directory of PLAN.json.",
)
@click.option(
    "--parallelism",
    type=click.IntRange(1, 256),
    help="What the apply will be given as -parallelism; default: what TF_CLI_ARGS_apply says.",
)
@click.option("--checkov", type=_file, metavar="FILE.json", help="Fold in the failed checks of this checkov report.")
@click.option(
    "--accept",
    multiple=True,
    metavar="ID[@ADDRESS]",
    help="Show this finding without letting it decide; may be repeated.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "sarif", "junit"]),
    default="text",
    help="text for people, json for programs, sarif and junit for code hosts and CI servers.",
)
@click.pass_obj
def review(terminal: Terminal, /, *, plans: tuple[Path, ...], output: str, **options: object) -> ExitCode:
    """Say what a Terraform plan costs, what it builds and what it must not do, before anybody applies it.

    PLAN.json is what `terraform show -json` prints of a saved plan. Nothing is contacted and nothing is changed. The
    exit code is the decision: 0 GO, 3 NO-GO. Several plans are reviewed one by one, as a pre-commit hook names them.
    """
    from nodeagent.cli import stage_review
    from nodeagent.cli.stage_review_view import write

    if len(plans) > 1 and output != "text":
        raise click.UsageError(f"--output {output} takes one plan, got {len(plans)}")
    code = ExitCode.OK
    for plan in plans:
        if len(plans) > 1:
            click.echo(f"{plan}:")
        request = stage_review.Request(plan=plan, **options)  # type: ignore[arg-type]
        answered = write(stage_review.answer(request), terminal, form=output, plan_file=str(plan), stdout=sys.stdout)
        code = max(code, answered)
    return code
