"""`nodeagent demo`: see all of it here, on files and devices of its own."""

from pathlib import Path

import click

from nodeagent.cli.output import Terminal
from nodeagent.model.errors import ExitCode


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("nodeagent-demo-report"),
    show_default=True,
    help="Where the report stays.",
)
@click.option(
    "--state-dir", type=click.Path(path_type=Path, file_okay=False), help="Where the demo keeps its files meanwhile."
)
@click.pass_obj
def command(terminal: Terminal, /, *, out: Path, state_dir: Path | None) -> ExitCode:
    """Plan, apply, verify, measure, report and roll back on a machine made of files.

    Makes three drives (loop devices on files) and a network (two namespaces) of its own, shows on them what is done on
    a server, and removes everything again, also after Ctrl-C. What a killed demo left is removed by the next one.
    Without root it shows the same on plain directories and loopback, and changes nothing.
    """
    from nodeagent.cli.demo_stage import perform

    return perform(terminal, results=out, state_dir=state_dir)
