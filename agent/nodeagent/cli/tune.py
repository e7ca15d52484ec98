"""`nodeagent tune`: list, plan, apply, confirm, verify, rollback, history, explain."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from nodeagent.cli.output import Terminal
from nodeagent.model.errors import ExitCode

F = TypeVar("F", bound=Callable[..., Any])

_RISKS = ("link-flap", "vf-destroying", "service-restart", "reboot", "destructive")  # model/change.py; a test compares


def _profiles(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from nodeagent.profiles.search import default_search, names

    return [CompletionItem(name) for name in names(default_search()) if name.startswith(incomplete)]


def _tunables(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from nodeagent.tune.tunables import TUNABLES

    return [CompletionItem(t.name, help=t.summary) for t in TUNABLES if t.name.startswith(incomplete)]


_output = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="text for people, json for programs."
)
_state_dir = click.option(
    "--state-dir", type=click.Path(path_type=Path, file_okay=False), help="Where the journal and the lock are kept."
)
_root = click.option("--root", type=click.Path(path_type=Path, exists=True), default=Path("/"), hidden=True)
_profile = click.option(
    "--profile",
    envvar="NODEAGENT_PROFILE",
    shell_complete=_profiles,
    help="Name or path of the profile (NODEAGENT_PROFILE).",
)
_only = click.option(
    "--only", multiple=True, metavar="TUNABLE", shell_complete=_tunables, help="Only this tunable; may be repeated."
)
_force = click.option("--force", is_flag=True, help="Also what the profile's validator could feel while it runs.")
_verbose = click.option("-v", "--verbose", is_flag=True, help="Show every step as a shell command, and every source.")


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    return lambda function: reduce(lambda decorated, option: option(decorated), reversed(options), function)


@click.group()
def command() -> None:
    """Plan, apply, verify and roll back settings.

    \b
    nodeagent tune plan --profile NAME       what would be done, and why
    nodeagent tune apply --profile NAME      do it, old values on disk first
    nodeagent tune verify --profile NAME     is it still so?
    nodeagent tune rollback                  back to what was there before
    """


@command.command(name="list")
@_options(_profile, _root, _output)
@click.pass_obj
def list_tunables(terminal: Terminal, /, *, profile: str | None, root: Path, output: str) -> None:
    """Show every tunable: enabled by the profile, supported here, the reason if not."""
    from nodeagent.cli import tune_list

    tune_list.show(terminal, profile=profile, root=root, as_json=output == "json")


@command.command()
@_options(_profile, _only, _verbose)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan in FILE, for `tune apply FILE`."
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to change.")
@_options(_state_dir, _root, _output)
@click.pass_obj
def plan(terminal: Terminal, /, *, output: str, **given: Any) -> ExitCode:
    """Show what would be changed, and why. Nothing is changed.

    \b
    + made  ~ changed  - removed  -/+ interrupted for a moment
    ! at the next boot  ? known after apply

    The exit code is 0, also when there are changes (2 with --detailed-exitcode, as Terraform has it), 1 for an error, 4
    for a plan that contradicts itself or would do harm.
    """
    from nodeagent.cli import tune_plan

    return tune_plan.run(tune_plan.Request(**given), terminal, as_json=output == "json")


@command.command()
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@_options(_profile, _only, _verbose)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--allow",
    multiple=True,
    type=click.Choice(_RISKS),
    help="Allow steps of this risk; may be repeated. Live changes are always allowed.",
)
@click.option(
    "--override",
    multiple=True,
    metavar="ID",
    help="Apply in spite of this clash (NA-CONFLICT-...), which `tune plan` tells; may be repeated.",
)
@click.option(
    "--confirm-within",
    metavar="TIME",
    help="Roll back by itself unless `tune confirm` comes within TIME; 120s where links or VFs are affected.",
)
@click.option("--no-confirm", is_flag=True, help="Do without that window, also where links or VFs are affected.")
@_force
@_options(_state_dir, _root, _output)
@click.pass_obj
def apply(terminal: Terminal, /, *, output: str, **given: Any) -> ExitCode:
    """Carry out a plan: a new one, or the one saved in PLAN_FILE.

    Every old value is on disk before the new one is written, every write is read back, and anything that is not as
    planned stops the apply and undoes it. A saved plan is refused when the machine moved since it was made. Steps that
    affect links or VFs are rolled back unless `nodeagent tune confirm` follows within two minutes.

    \b
    nodeagent tune apply --profile solana-validator
    nodeagent tune plan --profile solana-validator --out my.plan
    nodeagent tune apply my.plan --confirm-within 120s
    """
    from nodeagent.cli import tune_apply

    return tune_apply.run(tune_apply.Request(**given), terminal, as_json=output == "json")


@command.command()
@click.argument("transaction", required=False)
@_options(_state_dir, _root, _output)
@click.pass_obj
def confirm(terminal: Terminal, /, *, transaction: str | None, state_dir: Path | None, root: Path, output: str) -> None:
    """Confirm that all is well after `tune apply --confirm-within`.

    Without TRANSACTION, the apply that waits.
    """
    from nodeagent.cli import tune_rollback

    tune_rollback.confirm(terminal, transaction=transaction, state_dir=state_dir, root=root, as_json=output == "json")


@command.command()
@_options(_profile, _only, _verbose, _root, _output)
@click.pass_obj
def verify(terminal: Terminal, /, *, output: str, **given: Any) -> ExitCode:
    """Say whether the machine is as its profile wants it. Writes nothing.

    The exit code is 0 when it is, 2 when something differs or could not be told.
    """
    from nodeagent.cli import tune_verify

    return tune_verify.run(tune_verify.Request(**given), terminal, as_json=output == "json")


@command.command()
@click.option("--txn", "transaction", metavar="ID", help="Only this apply (see: tune history).")
@click.option("--tunable", metavar="NAME", shell_complete=_tunables, help="Only what this tunable changed.")
@click.option("--key", help="Only this setting.")
@click.option(
    "--disown",
    is_flag=True,
    help="Give up what somebody else changed since: it counts as original from now on.",
)
@_options(_force, _verbose, _state_dir, _root, _output)
@click.pass_obj
def rollback(terminal: Terminal, /, *, output: str, **given: Any) -> ExitCode:
    """Restore what was there before, newest change first.

    A value is restored only where it is still the one that was set. What somebody else changed is kept and told, and
    the exit code is 2 then. What ended with a reboot is left alone.
    """
    from nodeagent.cli import tune_rollback

    return tune_rollback.run(tune_rollback.Request(**given), terminal, as_json=output == "json")


@command.command()
@click.option("--enable", is_flag=True, help="Let systemd apply the last confirmed profile at every boot.")
@click.option("--disable", is_flag=True, help="Let it apply nothing any more; what is set stays.")
@click.option("--status", is_flag=True, help="Say what the next boot applies, and how it went at this one.")
@_options(_profile, _state_dir, _root, _output)
@click.pass_obj
def boot(terminal: Terminal, /, *, output: str, **given: Any) -> ExitCode:
    """Apply the last confirmed profile, as it is done at boot.

    Only settings that end with a boot are made, links only under a guard that undoes what cut them. A profile is
    confirmed by `tune confirm`, or by an apply that needed no confirmation. The exit code is that of an apply.

    \b
    nodeagent tune boot --enable      once, as root
    nodeagent tune boot --status      after a boot
    """
    from nodeagent.cli import tune_boot

    return tune_boot.run(tune_boot.Request(**given), terminal, as_json=output == "json")


@command.command()
@click.argument("transaction", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The newest so many.")
@_options(_verbose, _state_dir, _root, _output)
@click.pass_obj
def history(terminal: Terminal, /, *, output: str, **given: Any) -> ExitCode:
    """Show the applies and rollbacks in the journal, or every record of TRANSACTION.

    The chain of hashes is checked on the way; the exit code is 1 where the journal is damaged.
    """
    from nodeagent.cli import tune_history

    return tune_history.show(terminal, as_json=output == "json", **given)


@command.command()
@click.argument("tunable", shell_complete=_tunables)
@_options(_profile, _root, _output)
@click.pass_obj
def explain(terminal: Terminal, /, *, tunable: str, profile: str | None, root: Path, output: str) -> None:
    """Say what TUNABLE is about: why, sources, risk, needs, and what the profile sets."""
    from nodeagent.cli import tune_explain

    tune_explain.show(terminal, tunable=tunable, profile=profile, root=root, as_json=output == "json")
