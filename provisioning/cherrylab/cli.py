"""The command `cherrylab`: parse, call, print, exit code. Everything else is in the packages below.

The commands of the cloud are in cli_cloud.py, those of its guests here.
What it starts is kept: a cloud outlives the command and is found again by its directory (kept_cloud.py), a guest by its
name (guests/kept_lab.py).
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from cherrylab.cli_cloud import COMMANDS
from cherrylab.guests.needs import require_programs, require_root
from nodeagent.model.errors import ExitCode, HostError, NodeagentError, UsageError

_PROGRAMS = ("qemu-system-x86_64", "qemu-img", "ip", "ssh", "scp", "mmdebstrap")
_TEMPLATES = ("validator", "peer", "small", "workbench")


@click.group(context_settings={"help_option_names": ["--help"], "max_content_width": 100})
def root() -> None:
    """Cherry Servers in miniature: machines to rehearse on, for nothing."""


for command in COMMANDS:
    root.add_command(command)


@root.group()
def guest() -> None:
    """Virtual machines with NUMA nodes, NVMe drives and an SR-IOV NIC; no KVM needed, root is."""


@guest.command()
@click.option("--template", type=click.Choice(_TEMPLATES), default="validator", show_default=True)
@click.option("--name", help="What to call it; the template's name by default.")
@click.option("--with-nodeagent", is_flag=True, help="Install this checkout's nodeagent in it.")
def up(*, template: str, name: str | None, with_nodeagent: bool) -> None:
    """Make a machine, switch it on and wait until it answers.

    The first time builds the disk that all of them start from (a minute or two); a boot takes half a minute. Machines
    that are up at once are on one network, which reaches nothing else.
    """
    from cherrylab.guests.agent import install
    from cherrylab.guests.kept_lab import up as make
    from cherrylab.guests.template import TEMPLATES

    require_root()
    require_programs(_PROGRAMS)
    kept = make(TEMPLATES[template], name=name or template, progress=_tell)
    if with_nodeagent:
        _tell("installing nodeagent")
        install(kept.guest)
    click.echo(f"{kept.name} is up at {kept.guest.management_address}.")
    _tell(f"next: cherrylab guest ssh {kept.name}")


@guest.command("list")
def list_guests() -> None:
    """Show the machines there are."""
    from cherrylab.guests.kept_lab import find_all
    from nodeagent.cli.output import table

    require_root()
    kept = find_all()
    if not kept:
        click.echo("No guest is up. next: cherrylab guest up")
        return
    rows = [
        (
            one.name,
            one.guest.template.name,
            "on" if one.guest.is_running() else "off",
            one.guest.management_address,
            one.guest.data_address,
            str(one.guest.directory),
        )
        for one in kept
    ]
    click.echo(table(rows, header=("NAME", "TEMPLATE", "POWER", "MANAGEMENT", "DATA", "DIRECTORY")))


@guest.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def ssh(*, name: str, command: tuple[str, ...]) -> None:
    """Type into a machine as root, or run COMMAND in its shell, as ssh does, and end with its exit code."""
    from cherrylab.guests.kept_lab import find

    require_root()
    kept = find(name)
    _require_running(name, running=kept.guest.is_running())
    shell = kept.guest.shell
    terminal = ("-t",) if sys.stdin.isatty() and not command else ()
    _become(("ip", "netns", "exec", shell.namespace, *shell.argv, *terminal, "--", *command))


@guest.command()
@click.argument("name")
def console(*, name: str) -> None:
    """Sit down at a machine's serial console: it works without any network. Ctrl-] leaves it."""
    from cherrylab.guests.kept_lab import find

    require_root()
    require_programs(("socat",))
    kept = find(name)
    _require_running(name, running=kept.guest.is_running())
    _tell(f"what it said so far: {kept.guest.files.console}; Ctrl-] leaves, Enter shows a prompt")
    _become(("socat", "-,raw,echo=0,escape=0x1d", f"UNIX-CONNECT:{kept.guest.files.console_socket}"))


@guest.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All machines.")
def down(*, names: tuple[str, ...], every: bool) -> None:
    """Switch machines off and remove them and their disks."""
    from cherrylab.guests.kept_lab import down as remove
    from cherrylab.guests.kept_lab import find_all

    require_root()
    if bool(names) == every:
        raise UsageError("which one? give a name, or --all", remedy="cherrylab guest list")
    chosen = tuple(one.name for one in find_all()) if every else names
    remove(chosen)
    click.echo(f"Removed {', '.join(chosen)}." if chosen else "No guest was up.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit codes are those of nodeagent."""
    try:
        root.main(args=arguments, prog_name="cherrylab", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        click.echo("cherrylab: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE if isinstance(error, click.UsageError) else ExitCode.ERROR
    except NodeagentError as error:
        click.echo(f"cherrylab: {error.message}", err=True)
        if error.remedy:
            click.echo(f"next: {error.remedy}", err=True)
        return error.exit_code
    return ExitCode.OK


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _require_running(name: str, *, running: bool) -> None:
    if not running:
        raise HostError(
            f"{name} is switched off (this machine was restarted, or its QEMU died)",
            remedy=f"cherrylab guest down {name} && cherrylab guest up --name {name}",
        )


def _become(argv: tuple[str, ...]) -> NoReturn:
    """Hand the terminal over for good: the program's exit code is ours."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvp(argv[0], argv)
