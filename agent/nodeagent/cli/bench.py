"""`nodeagent bench`: list, run, history, compare."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from nodeagent.cli.output import Terminal
from nodeagent.model.errors import ExitCode

F = TypeVar("F", bound=Callable[..., Any])

_output = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="text for people, json for programs."
)
_state_dir = click.option(
    "--state-dir", type=click.Path(path_type=Path, file_okay=False), help="Where history and locks are kept."
)


@click.group()
def command() -> None:
    """Measure, and judge against targets, ceilings and history."""


@command.command(name="list")
@_output
@click.pass_obj
def list_benchmarks(terminal: Terminal, /, *, output: str) -> None:
    """Show every benchmark: what it measures, what it needs, whether it can run here."""
    from nodeagent.cli import bench_list

    bench_list.show(terminal, output=output)


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--profile",
    envvar="NODEAGENT_PROFILE",
    help="Run the benchmarks of this profile, at its places (NODEAGENT_PROFILE).",
)
@click.option("--stage", default="", help="Judge by the targets of this stage.")
@click.option(
    "--target",
    "targets",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Judge by the targets in this file.",
)
@click.option(
    "--directory",
    "directories",
    multiple=True,
    metavar="ROLE=DIR",
    help="Measure storage in DIR, on a file of our own that is removed again.",
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="ROLE=PEER",
    help="Measure the network to PEER: loopback, or netns:CLIENT,SERVER@ADDRESS.",
)
@click.option("--runs", type=click.IntRange(min=1), help="Make at least so many runs (5).")
@click.option("--cap", type=click.IntRange(min=1), help="Stop after so many, decided or not (9).")
@click.option("--runtime", metavar="TIME", help="How long a run measures, such as 30s (profile, or 5s).")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an option of the benchmarks: size=1GiB, ramp=2s, iodepth=32.",
)
@click.option("--quick", is_flag=True, help="Five runs of a second: decides less, never wrongly.")
@click.option("--all", "every", is_flag=True, help="Show figures that only inform too.")
@_state_dir
@_output
@click.pass_obj
def run(terminal: Terminal, /, *, output: str, **given: Any) -> ExitCode:
    """Measure, judge by the targets, and keep every run.

    Without NAME, everything that the profile (or the places given) allows. Runs are made until the target is met or
    missed with confidence. Nothing is written but files of our own, which are removed again.

    \b
    nodeagent bench run --profile solana-validator --stage staging
    nodeagent bench run randread-4k --directory scratch=/mnt/ledger
    nodeagent bench run tcp-forward --peer local=loopback --quick
    """
    from nodeagent.cli import bench_run

    return bench_run.run(bench_run.Request(**given), terminal, as_json=output == "json")


@command.command()
@click.argument("benchmark", required=False)
@click.option("--suite", help="Only the runs of this suite (the first letters of its name will do).")
@click.option("--role", help="Only the runs at this role.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The newest so many.")
@click.option("--raw", is_flag=True, help="Print the tool's own output of the newest run that matches.")
@click.option("--export", "export", is_flag=True, help="Print every row of the history, one JSON object a line.")
@_state_dir
@_output
@click.pass_obj
def history(terminal: Terminal, /, *, output: str, **given: Any) -> ExitCode:
    """Show what was measured: the suites, or the runs of BENCHMARK."""
    from nodeagent.cli import bench_history

    return bench_history.show(bench_history.Question(**given), terminal, as_json=output == "json", out=sys.stdout)


@command.command()
@click.argument("before")
@click.argument("after")
@click.option(
    "--minimum-effect",
    type=click.FloatRange(min=0, max=1),
    default=0.03,
    show_default=True,
    help="The smallest relative shift that counts as a change.",
)
@_state_dir
@_output
@click.pass_obj
def compare(terminal: Terminal, /, *, output: str, **given: Any) -> ExitCode:
    """Compare the runs of two suites, or of two fingerprints.

    BEFORE and AFTER are names from `bench history`, or the first letters of one. Every metric that both measured at
    the same role is compared by rank (Mann-Whitney) and shift (Hodges-Lehmann), and what else differs is listed.
    """
    from nodeagent.cli import bench_compare

    return bench_compare.show(**given, terminal=terminal, as_json=output == "json", out=sys.stdout)
