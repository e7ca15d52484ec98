"""`nodeagent cherry`: what the Terraform provider of Cherry Servers can't do, by its API."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from nodeagent.cli.output import Terminal
from nodeagent.model.errors import ExitCode

F = TypeVar("F", bound=Callable[..., Any])

_file = click.Path(path_type=Path, exists=True, dir_okay=False)
_output = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="text for people, json for programs."
)
_project = click.option(
    "--project",
    "projects",
    multiple=True,
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Look in this project only; may be repeated. Default: all that the token sees.",
)
_inventory = click.option(
    "--inventory",
    required=True,
    type=_file,
    metavar="FILE",
    help="What Terraform knows: terraform output -json, terraform show -json, or a state file.",
)
_deployment = click.option(
    "--deployment", metavar="ID", default="", help="The tag `deployment`; default: what the inventory says."
)
_password_file = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the password to this new file (mode 0600) instead of the terminal.",
)
_yes = click.option("--yes", is_flag=True, help="Don't ask.")


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    return lambda function: reduce(lambda decorated, option: option(decorated), reversed(options), function)


@click.group()
def command() -> None:
    """Look at and act on servers at Cherry Servers: access, stock, orphans, checks, costs, consoles, power.

    The token comes from CHERRY_AUTH_TOKEN (or CHERRY_AUTH_KEY) and is shown nowhere.

    \b
    nodeagent cherry access                                   does the token work, and what does it see
    nodeagent cherry check --inventory inventory.json         the console, compared with what was asked
    nodeagent cherry orphans --inventory state.json           billed, and known to no state
    """


@command.command()
@_output
@click.pass_obj
def access(terminal: Terminal, /, *, output: str) -> ExitCode:
    """Try the token: whose it is, its teams, projects and credit, and how many requests it has left."""
    from nodeagent.cli import cherry_look

    return cherry_look.show_access(terminal, as_json=output == "json")


@command.command()
@click.argument("plan", type=_file, metavar="PLAN.json")
@_output
@click.pass_obj
def stock(terminal: Terminal, /, *, plan: Path, output: str) -> ExitCode:
    """Say whether what a Terraform plan buys is on sale now, before it is applied.

    The exit code is 3 where something isn't.
    """
    from nodeagent.cli import cherry_look

    return cherry_look.show_stock(plan, terminal, as_json=output == "json")


@command.command()
@_options(_inventory, _deployment, _project)
@click.option(
    "--delete",
    "doomed",
    multiple=True,
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Delete this orphan with all its data; may be repeated. Nothing but an orphan is deleted.",
)
@_output
@click.pass_obj
def orphans(
    terminal: Terminal,
    /,
    *,
    inventory: Path,
    deployment: str,
    projects: tuple[int, ...],
    doomed: tuple[int, ...],
    output: str,
) -> ExitCode:
    """Find servers of a deployment that are billed and that no Terraform state knows.

    The exit code is 2 where some are left.
    """
    from nodeagent.cli import cherry_orphans

    return cherry_orphans.run(
        inventory, terminal, deployment=deployment, projects=projects, doomed=doomed, as_json=output == "json"
    )


@command.command()
@_options(_inventory, _project, _output)
@click.pass_obj
def check(terminal: Terminal, /, *, inventory: Path, projects: tuple[int, ...], output: str) -> ExitCode:
    """Compare what the API shows of every server with what Terraform was asked for: the console check.

    Plan, region, image, tags, addresses, state and power. The exit code is 2 where something differs.
    """
    from nodeagent.cli import cherry_check

    return cherry_check.run(inventory, terminal, projects=projects, as_json=output == "json")


@command.command()
@click.option("--deployment", metavar="ID", default="", help="Only servers with this tag `deployment`; default: all.")
@click.option("--prices", type=_file, metavar="FILE", help="Estimate by this price list instead of the shipped one.")
@_options(_project, _output)
@click.pass_obj
def costs(
    terminal: Terminal, /, *, deployment: str, prices: Path | None, projects: tuple[int, ...], output: str
) -> ExitCode:
    """Show what servers cost and how much traffic they made, beside the estimate.

    The exit code is 2 where a price differs from the list by more than a hundredth.
    """
    from nodeagent.cli import cherry_look

    return cherry_look.show_costs(
        terminal, deployment=deployment, prices=prices, projects=projects, as_json=output == "json"
    )


@command.command()
@click.argument("hostname")
@click.option(
    "--from", "allowed_ip", required=True, metavar="ADDRESS", help="The IPv4 address that you will connect from."
)
@_options(_password_file, _project, _output)
@click.pass_obj
def console(
    terminal: Terminal,
    /,
    *,
    hostname: str,
    allowed_ip: str,
    password_file: Path | None,
    projects: tuple[int, ...],
    output: str,
) -> ExitCode:
    """Open the console (BMC) of a server for one address, for a limited time.

    The password is shown once on a terminal, or written to a file; never into a pipe, a log or JSON.
    """
    from nodeagent.cli import cherry_console

    return cherry_console.open_for(
        hostname, terminal, allowed_ip=allowed_ip, file=password_file, projects=projects, as_json=output == "json"
    )


@command.command(name="reset-bmc-password")
@click.argument("hostname")
@_options(_password_file, _project, _output)
@click.pass_obj
def reset_bmc_password(
    terminal: Terminal, /, *, hostname: str, password_file: Path | None, projects: tuple[int, ...], output: str
) -> ExitCode:
    """Give the BMC of a server a new password. The API shows one for 24 hours only."""
    from nodeagent.cli import cherry_console

    return cherry_console.reset(hostname, terminal, file=password_file, projects=projects, as_json=output == "json")


@command.command()
@click.argument("action", type=click.Choice(["on", "off", "cycle", "status"]))
@click.argument("hostname")
@_yes
@click.option("--wait", default=60.0, show_default=True, type=click.FloatRange(0, 3600), help="Seconds to wait for it.")
@_options(_project, _output)
@click.pass_obj
def power(
    terminal: Terminal,
    /,
    *,
    action: str,
    hostname: str,
    yes: bool,
    wait: float,
    projects: tuple[int, ...],
    output: str,
) -> ExitCode:
    """Switch a server on or off, press its reset, or show its power.

    off and cycle stop what runs there at once, and ask first. The exit code is 2 where the power isn't as wanted.
    """
    from nodeagent.cli import cherry_power

    return cherry_power.run(
        action, hostname, terminal, yes=yes, wait_seconds=wait, projects=projects, as_json=output == "json"
    )


@command.command()
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="Where to listen on loopback; default: any free port."
)
def pace(*, port: int) -> ExitCode:
    """Keep Terraform below the API's limit of requests: a proxy that lets four through a second.

    Runs until it is interrupted; leave it in a terminal of its own and give Terraform the line that it prints.
    """
    from nodeagent.cli import cherry_pace

    return cherry_pace.run(port)
