"""`nodeagent profile`: list, show, validate, explain, schema."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from nodeagent.cli.output import Terminal
from nodeagent.model.errors import ExitCode

F = TypeVar("F", bound=Callable[..., Any])

_output = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="text for people, json for programs."
)
_search = click.option(
    "--search",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Look for names in DIR first; may be given several times.",
)


def _names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from nodeagent.profiles.search import default_search, names

    return [CompletionItem(name) for name in names(default_search()) if name.startswith(incomplete)]


@click.group()
def command() -> None:
    """The documents that say how a machine should be set up."""


@command.command(name="list")
@_search
@_output
@click.pass_obj
def list_documents(terminal: Terminal, /, *, search: tuple[Path, ...], output: str) -> None:
    """Show every profile, and every stage that has targets. The JSON names the files."""
    from nodeagent.cli import profile_view

    profile_view.show_list(search, as_json=output == "json")


@command.command()
@click.argument("profile", shell_complete=_names)
@click.option("--resolved", is_flag=True, help="After merging: every value, and the line that set it.")
@_search
@_output
@click.pass_obj
def show(terminal: Terminal, /, *, profile: str, resolved: bool, search: tuple[Path, ...], output: str) -> None:
    """Show a profile as it is written, or --resolved as it is understood.

    PROFILE is a name (nodeagent profile list) or a path.
    """
    from nodeagent.cli import profile_view

    profile_view.show_profile(profile, search, terminal, resolved=resolved, as_json=output == "json")


@command.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_search
@_output
@click.pass_obj
def validate(terminal: Terminal, /, *, files: tuple[str, ...], search: tuple[Path, ...], output: str) -> ExitCode:
    """Check profiles and targets: every fault of every file, with line and column.

    FILE is a path, or the name of a profile. The exit code is 1 if any has a fault.
    """
    from nodeagent.cli import profile_view

    return profile_view.validate(files, search, terminal, as_json=output == "json")


@command.command()
@click.argument("profile", shell_complete=_names)
@click.argument("key", default="")
@_search
@_output
@click.pass_obj
def explain(terminal: Terminal, /, *, profile: str, key: str, search: tuple[Path, ...], output: str) -> None:
    """Say which file set which value, why, and what it stands over.

    KEY is a value or what it stands below, such as tune.sysctl or tune.block-queue.nvme.scheduler.
    """
    from nodeagent.cli import profile_view

    profile_view.explain(profile, key, search, terminal, as_json=output == "json")


@command.command()
@click.argument("document", type=click.Choice(["profile", "targets"]), default="profile")
def schema(*, document: str) -> None:
    """Print the JSON Schema of a profile, or of targets, for an editor."""
    from nodeagent.cli import profile_view

    profile_view.print_schema(document)
