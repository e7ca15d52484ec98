"""`nodeagent serve`: keep looking, and export Prometheus metrics."""

import sys
from pathlib import Path

import click

from nodeagent.cli.output import Terminal
from nodeagent.model.errors import ExitCode, UsageError

_SHORTEST_SECONDS = 1.0


@click.command()
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="A loopback address; port 0 takes a free one.  [default: 127.0.0.1:10997]",
)
@click.option(
    "--refresh", default="30s", show_default=True, metavar="TIME", help="Read the host again so often; at least 1s."
)
@click.option("--stage", default="local", show_default=True, help="Show the targets of this stage.")
@click.option(
    "--profile",
    envvar="NODEAGENT_PROFILE",
    help="Compare the settings with this profile at every refresh (NODEAGENT_PROFILE).",
)
@click.option(
    "--target",
    "targets",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take the targets from this file instead of the stage's own.",
)
@click.option(
    "--state-dir", type=click.Path(path_type=Path, file_okay=False), help="Where journal and history are kept."
)
@click.pass_obj
def command(
    _terminal: Terminal,
    /,
    *,
    listen: str | None,
    refresh: str,
    stage: str,
    profile: str | None,
    targets: Path | None,
    state_dir: Path | None,
) -> ExitCode:
    """Serve the last results, verdicts and targets at /metrics, and how it goes at /healthz.

    Reads the host on an interval and never changes or measures it; a scrape reads nothing at all. SIGHUP refreshes
    now, SIGTERM ends within a second.

    \b
    nodeagent serve --profile solana-validator --stage production
    curl http://127.0.0.1:10997/metrics
    """
    from nodeagent.cli.evidence import Question, load_documents
    from nodeagent.cli.serve_snapshot import taker
    from nodeagent.host.state_directory import state_directory
    from nodeagent.serve.address import DEFAULT_PORT, ListenAddress
    from nodeagent.serve.daemon import run

    address = ListenAddress.parse(listen or f"127.0.0.1:{DEFAULT_PORT}")
    question = Question(state_directory=state_directory(state_dir), stage=stage, profile=profile, targets=targets)
    refresh_seconds = _seconds(refresh)
    load_documents(question)  # a profile with faults is told now, not by a metric
    run(address, take=taker(question), refresh_seconds=refresh_seconds, tell=_tell)
    return ExitCode.OK


def _seconds(text: str) -> float:
    from nodeagent.model.units import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--refresh: {error}") from error
    if seconds < _SHORTEST_SECONDS:
        raise UsageError(f"--refresh {text}: wanted at least {_SHORTEST_SECONDS:g}s")
    return seconds


def _tell(line: str) -> None:
    sys.stderr.write(f"nodeagent: {line}\n")
    sys.stderr.flush()
