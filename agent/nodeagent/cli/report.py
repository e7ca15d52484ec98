"""`nodeagent report`: the go/no-go page."""

import sys
from pathlib import Path

import click

from nodeagent.cli.output import Terminal
from nodeagent.model.errors import ExitCode

FORMATS = ("html", "markdown", "json", "junit")


@click.command()
@click.option("--stage", default="local", show_default=True, help="Hold the host against the targets of this stage.")
@click.option("--profile", envvar="NODEAGENT_PROFILE", help="Hold the host against this profile (NODEAGENT_PROFILE).")
@click.option(
    "--target",
    "targets",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take the targets from this file instead of the stage's own.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Default: what the ending of --out says, or markdown.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file; without it, to stdout."
)
@click.option(
    "--state-dir", type=click.Path(path_type=Path, file_okay=False), help="Where journal and history are kept."
)
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    stage: str,
    profile: str | None,
    targets: Path | None,
    form: str | None,
    out: Path | None,
    state_dir: Path | None,
) -> ExitCode:
    """Say with all evidence whether this machine may go into production.

    Reads what `tune` and `bench` left and compares the settings now; changes and measures nothing. The exit code is the
    decision: 0 GO, 3 NO-GO, 6 INCOMPLETE.

    \b
    nodeagent report --profile solana-validator --stage staging --out report.html
    nodeagent report --profile workstation | less
    """
    from nodeagent.cli.evidence import Question
    from nodeagent.cli.report_view import write
    from nodeagent.host.state_directory import state_directory

    question = Question(state_directory=state_directory(state_dir), stage=stage, profile=profile, targets=targets)
    return write(question, terminal, form=form or _form_of(out), out=out, stdout=sys.stdout, stderr=sys.stderr)


def _form_of(out: Path | None) -> str:
    endings = {".html": "html", ".htm": "html", ".md": "markdown", ".json": "json", ".xml": "junit"}
    return endings.get(out.suffix.lower(), "markdown") if out else "markdown"
