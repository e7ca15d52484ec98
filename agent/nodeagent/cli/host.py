"""`nodeagent host`: show, topology, capture, doctor."""

from pathlib import Path

import click

from nodeagent.cli.output import Terminal
from nodeagent.model.errors import ExitCode

_output = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="text for people, json for programs."
)


@click.group()
def command() -> None:
    """What this machine is made of, and what it lacks for the work. Nothing here changes anything."""


@command.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR|CAPTURE",
    default=Path("/"),
    help="Look at a copied file tree or a capture instead of this machine.",
)
@_output
@click.pass_obj
def show(terminal: Terminal, /, *, root: Path, output: str) -> None:
    """Show processors, memory, drives and ports.

    What could not be read is told at the end, with the reason. Drives have a serial number or a world-wide name; their
    kernel names move between boots.
    """
    from nodeagent.cli import host_show

    host_show.show(terminal, root=root, as_json=output == "json")


@command.command()
@click.option(
    "--profile",
    envvar="NODEAGENT_PROFILE",
    help="Draw who uses which CPU as this profile says (NODEAGENT_PROFILE).",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR|CAPTURE",
    default=Path("/"),
    help="Look at a copied file tree or a capture instead of this machine.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "svg"]),
    help="Default: what the ending of --out says, or text.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file; without it, to stdout."
)
@click.pass_obj
def topology(terminal: Terminal, /, *, profile: str | None, root: Path, output: str | None, out: Path | None) -> None:
    """Draw packages, nodes, caches, cores and devices.

    With a profile also who uses which CPU, who serves each device, and why.

    \b
    nodeagent host topology --profile solana-validator
    nodeagent host topology --profile solana-validator --out host.svg
    """
    from nodeagent.cli import host_topology

    form = output or {".svg": "svg", ".json": "json"}.get(out.suffix.lower() if out else "", "text")
    host_topology.show(terminal, profile=profile, root=root, form=form, out=out)


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR|CAPTURE",
    default=Path("/"),
    help="Capture a copied file tree instead of this machine.",
)
def capture(*, file: Path, root: Path) -> None:
    """Write a scrubbed copy of what is read here to FILE.

    It is text, for a bug report or a test: the files below /sys, /proc and /etc that nodeagent looks at, with numbered
    pseudonyms for serial numbers, addresses, ids and names. Read it before you pass it on. FILE must not exist; `-`
    prints it.
    """
    from nodeagent.cli import host_show
    from nodeagent.host.capture import capture as write_capture
    from nodeagent.host.capture import capture_text

    with host_show.opened(root) as host:
        if file == Path("-"):
            click.echo(capture_text(host), nl=False)
            return
        write_capture(host, file)
    click.echo(f"wrote {file}, {file.stat().st_size} bytes; read it before you pass it on", err=True)


@command.command()
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the agent would keep its journal and history.",
)
@_output
@click.pass_obj
def doctor(terminal: Terminal, /, *, state_dir: Path | None, output: str) -> ExitCode:
    """Check programs, permissions, kernel and clock.

    Every lack comes with its reason and its remedy. Exits with 1 if something required is missing.
    """
    from nodeagent.cli import host_doctor

    return host_doctor.show(terminal, state_dir=state_dir, as_json=output == "json")
