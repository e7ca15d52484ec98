"""`tune boot`: what the unit runs at boot, and what a person asks about it."""

import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from nodeagent.cli import tune_setup
from nodeagent.cli.output import Symbol, Terminal, Tone, print_json
from nodeagent.host import Host
from nodeagent.host.boot_record import read_boot_record, write_boot_record
from nodeagent.host.reachability import look
from nodeagent.model.errors import ExitCode, NodeagentError, UsageError
from nodeagent.tune import boot_profile, boot_unit
from nodeagent.tune.boot import BootOrder, BootOutcome, BootResult, failed, run_boot
from nodeagent.tune.interrupt import stop_between_steps
from nodeagent.tune.session import open_session
from nodeagent.tune.tunables import TUNABLES
from nodeagent.tune.undo.undo import Fate
from nodeagent.version import VERSION

_BAD = {BootOutcome.FAILED, BootOutcome.UNDONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The arguments of `tune boot`, as typed."""

    enable: bool = False
    disable: bool = False
    status: bool = False
    profile: str | None = None
    state_dir: Path | None = None
    root: Path = Path("/")


def run(request: Request, terminal: Terminal, *, as_json: bool) -> ExitCode:
    if sum((request.enable, request.disable, request.status)) > 1:
        raise UsageError("--enable, --disable and --status are three different things")
    host = tune_setup.live(request.root)
    state = tune_setup.state_of(request.root, request.state_dir)
    if request.enable:
        return _enable(request, host, state, terminal, as_json=as_json)
    if request.disable:
        return _disable(host, terminal, as_json=as_json)
    if request.status:
        return _status(host, state, terminal, as_json=as_json)
    return _boot(host, state, terminal, as_json=as_json)


def _boot(host: Host, state: Path, terminal: Terminal, *, as_json: bool) -> ExitCode:
    """Apply, keep the record of it, and tell; also what could not even begin is kept and told."""
    try:
        command = shlex.join(sys.argv[1:])
        with (
            open_session(host, state, command=command, wait=True, spend_reserve=True) as session,
            stop_between_steps() as interrupted,
        ):
            result = run_boot(session, _order(host, interrupted))
    except NodeagentError as error:
        result = failed(error)
    record = _record(host, result)
    write_boot_record(host, record, failure=_failure(result))
    if as_json:
        print_json(record, kind="tune.boot")
    else:
        _tell(record, terminal)
    return result.exit_code


def _order(host: Host, interrupted: Callable[[], bool]) -> BootOrder:
    return BootOrder(
        tunables=TUNABLES,
        read_facts=lambda: host.facts(fresh=True),
        look=lambda: look(host),
        interrupted=interrupted,
    )


def _enable(request: Request, host: Host, state: Path, terminal: Terminal, *, as_json: bool) -> ExitCode:
    kept = boot_profile.read(state, TUNABLES)
    profile = tune_setup.load(request.profile, state) if request.profile else kept.profile if kept else None
    validators = profile.validator.units[:1] if profile and profile.validator.unit else ()
    boot_unit.enable(host, program=boot_unit.own_program(), validators=validators)
    if as_json:
        print_json({"enabled": True, "unit": boot_unit.PATH, "before": list(validators)}, kind="tune.boot")
        return ExitCode.OK
    good = terminal.style(terminal.symbol(Symbol.OK), Tone.GOOD)
    before = f", before {validators[0]}" if validators else ""
    click.echo(f"{good} {boot_unit.UNIT} applies the last confirmed profile at boot{before}.")
    if kept is None:
        click.echo("No profile is confirmed yet. Next: nodeagent tune apply --profile NAME")
    return ExitCode.OK


def _disable(host: Host, terminal: Terminal, *, as_json: bool) -> ExitCode:
    was = boot_unit.disable(host)
    if as_json:
        print_json({"enabled": False, "changed": was}, kind="tune.boot")
    else:
        said = "applies nothing at boot any more" if was else "was not enabled"
        click.echo(f"{terminal.style(terminal.symbol(Symbol.OK), Tone.GOOD)} {boot_unit.UNIT} {said}.")
    return ExitCode.OK


def _status(host: Host, state: Path, terminal: Terminal, *, as_json: bool) -> ExitCode:
    kept = boot_profile.read(state, TUNABLES)
    record = read_boot_record(host)
    enabled = bool(boot_unit.installed(host))
    if as_json:
        next_boot = {"profile": kept.profile.name, "tunables": list(kept.profile.tune)} if kept else None
        print_json({"enabled": enabled, "next_boot": next_boot, "this_boot": record}, kind="tune.boot")
    else:
        click.echo(f"Next boot: {_next(kept) if enabled else 'nothing, ' + boot_unit.UNIT + ' is not enabled'}")
        if record is None:
            click.echo("This boot: nothing was applied by it")
        else:
            _tell(record, terminal)
    return ExitCode(record["exit_code"]) if record else ExitCode.OK


def _next(kept: boot_profile.BootProfile | None) -> str:
    if kept is None:
        return "nothing, no profile is confirmed"
    return f"profile {kept.profile.name} ({', '.join(kept.profile.tune)})"


def _record(host: Host, result: BootResult) -> dict[str, Any]:
    return {
        "outcome": result.outcome.value,
        "exit_code": int(result.exit_code),
        "boot_id": host.boot_id(),
        "at": time.time(),
        "nodeagent_version": VERSION,
        "profile": result.profile,
        "transaction": result.transaction,
        "applied": [change.key for change in result.applied],
        "undone": [step.key for step in result.undone],
        "recovered": [step.key for step in result.recovered if step.fate is not Fate.LAPSED],
        "left_out": list(result.left_out),
        "notes": list(result.notes),
        "problem": result.problem,
        "remedy": result.remedy,
    }


def _failure(result: BootResult) -> str:
    if result.outcome not in _BAD:
        return ""
    return (
        f"nodeagent: this machine is NOT set up as confirmed: {result.problem}\n"
        f"next: {result.remedy or 'nodeagent tune boot --status'}"
    )


def _tell(record: dict[str, Any], terminal: Terminal) -> None:
    """One line how it went, one for each thing a person should know. It goes to the journal at boot."""
    outcome = BootOutcome(record["outcome"])
    tone, symbol = (Tone.BAD, Symbol.FAIL) if outcome in _BAD else (Tone.GOOD, Symbol.OK)
    mark = terminal.style(terminal.symbol(symbol), tone)
    click.echo(f"{mark} This boot: {_HOW[outcome].format(profile=record['profile'], number=len(record['applied']))}")
    for key in record["recovered"]:
        click.echo(f"  left by an earlier run, tidied up: {key}")
    for note in record["notes"]:
        click.echo(f"  note: {note}")
    for key in record["left_out"]:
        click.echo(f"  not made at boot: {key} (nodeagent tune plan)")
    if record["problem"]:
        click.echo(f"  {record['problem']}")
        click.echo(f"  next: {record['remedy']}")


_HOW = {
    BootOutcome.NOTHING_CONFIRMED: "no profile is confirmed, nothing was applied",
    BootOutcome.UNCHANGED: "profile {profile}, nothing was to be changed",
    BootOutcome.APPLIED: "profile {profile}, {number} settings are back",
    BootOutcome.UNDONE: "profile {profile} could not be applied; what had been done was undone",
    BootOutcome.FAILED: "nothing was applied",
}
