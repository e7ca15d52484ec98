"""`tune rollback` and `tune confirm`."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from nodeagent.cli import tune_setup
from nodeagent.cli.output import Symbol, Terminal, Tone, print_json
from nodeagent.cli.tune_undo_view import undo_lines, undo_summary
from nodeagent.model.errors import ExitCode, RefusedError
from nodeagent.tune import confirm as confirming
from nodeagent.tune.reading import has_journal
from nodeagent.tune.rollback import RollbackResult, Selection, rollback
from nodeagent.tune.session import open_session


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The arguments of `tune rollback`, as typed."""

    transaction: str | None = None
    tunable: str | None = None
    key: str | None = None
    disown: bool = False
    force: bool = False
    verbose: bool = False
    state_dir: Path | None = None
    root: Path = Path("/")


def run(request: Request, terminal: Terminal, *, as_json: bool) -> ExitCode:
    host = tune_setup.live(request.root)
    state = tune_setup.state_of(request.root, request.state_dir)
    selection = Selection(transaction=request.transaction, tunable=request.tunable, key=request.key)
    if not has_journal(state) and selection == Selection():
        # Nothing was ever changed by us; making a state directory to find that out would be a change.
        result = RollbackResult(transaction=None)
    else:
        with open_session(host, state, command=shlex.join(sys.argv[1:]), spend_reserve=True) as session:
            result = rollback(session, selection, disown=request.disown, force=request.force)
            confirming.end_guards(session)
    _tell(result, terminal, verbose=request.verbose, as_json=as_json)
    return result.exit_code


def confirm(terminal: Terminal, *, transaction: str | None, state_dir: Path | None, root: Path, as_json: bool) -> None:
    host = tune_setup.live(root)
    state = tune_setup.state_of(root, state_dir)
    if not has_journal(state):
        raise RefusedError("no apply waits for a confirmation: there is no journal", remedy=f"ls -l {state}")
    with open_session(host, state, command=shlex.join(sys.argv[1:]), spend_reserve=True) as session:
        confirmed = confirming.confirm(session, transaction)
    if as_json:
        print_json({"transaction": confirmed, "confirmed": True}, kind="tune.confirm")
    else:
        click.echo(f"{terminal.style(terminal.symbol(Symbol.OK), Tone.GOOD)} {confirmed} is confirmed and stays.")


def _tell(result: RollbackResult, terminal: Terminal, *, verbose: bool, as_json: bool) -> None:
    steps = (*result.recovered, *result.steps)
    if as_json:
        document = {
            "exit_code": int(result.exit_code),
            "transaction": result.transaction,
            "changes": len(steps),
            "steps": result.steps,
            "recovered": result.recovered,
            "disowned": result.disowned,
        }
        print_json(document, kind="tune.rollback")
        return
    for line in undo_lines(steps, terminal, verbose=verbose, width=tune_setup.width_of(terminal)):
        click.echo(line)
    for key in result.disowned:
        click.echo(f"given up, what is there now counts as original: {key}")
    click.echo(undo_summary(steps))
    if result.exit_code is ExitCode.DIFFERS:
        click.echo("next: set it yourself, or accept what is there: nodeagent tune rollback --disown")
