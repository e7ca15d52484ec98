"""`tune plan`: show what would be done, and save it."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import click

from nodeagent.cli import tune_setup
from nodeagent.cli.output import SCHEMA_VERSION, Terminal, Tone, plain, print_json
from nodeagent.cli.tune_view import permission_lines, plan_lines, plan_summary
from nodeagent.host import Host
from nodeagent.host.state_directory import write_own_file
from nodeagent.model.errors import ExitCode, JournalError, NodeagentError, UsageError
from nodeagent.model.profile import Profile
from nodeagent.tune.disruption import in_the_way, risks_to_allow, told
from nodeagent.tune.plan import Plan, make_plan
from nodeagent.tune.plan_file import KIND, plan_to_document
from nodeagent.tune.tunables import TUNABLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The arguments of `tune plan`, as typed."""

    profile: str | None = None
    only: tuple[str, ...] = ()
    verbose: bool = False
    out: Path | None = None
    detailed_exitcode: bool = False
    state_dir: Path | None = None
    root: Path = Path("/")


def run(request: Request, terminal: Terminal, *, as_json: bool) -> ExitCode:
    state = tune_setup.state_of(request.root, request.state_dir)
    profile = tune_setup.load(request.profile, state)
    with tune_setup.opened(request.root) as host:
        facts = host.facts()
        plan = make_plan(host, profile, facts, TUNABLES, only=request.only or None, created_at=time.time())
        notes = [*tune_setup.misfits(profile, facts), *_leftovers(host, state), *_validators(host, profile, plan)]
    document = plan_to_document(plan, reference=str(request.profile))
    if as_json:
        print_json({**document, "notes": notes}, kind=KIND)
    else:
        show(plan, notes, terminal, verbose=request.verbose)
    if request.out is not None:
        _save(request.out, document)
        click.echo(f"Saved in {request.out}. To carry it out: nodeagent tune apply {request.out}", err=as_json)
    if plan.refusals():
        return ExitCode.REFUSED
    return ExitCode.DIFFERS if request.detailed_exitcode and plan.items else ExitCode.OK


def show(plan: Plan, notes: list[str], terminal: Terminal, *, verbose: bool, whole: bool = True) -> None:
    """Print a plan as text; not `whole`, as when it was read before it was saved, only its summary."""
    width = tune_setup.width_of(terminal)
    click.echo(f"{plan.hostname or 'this host'}, profile {plan.profile}")
    for note in notes:
        click.echo(terminal.style(f"note: {note}", Tone.WARN))
    click.echo()
    summary = [*permission_lines(plan, width, terminal=terminal), plan_summary(plan)]
    for line in plan_lines(plan, terminal, verbose=verbose, width=width) if whole else summary:
        click.echo(line)


def _save(path: Path, document: dict[str, object]) -> None:
    whole = {"schema_version": SCHEMA_VERSION, "kind": KIND, **document}
    target = path.resolve()
    if target.exists() and not target.is_file():
        # The file is replaced in one step, and that must never happen to /dev/null.
        raise UsageError(f"--out {path}: it is there and is no plain file", remedy="choose another place for --out")
    try:
        write_own_file(target, (json.dumps(plain(whole), indent=2) + "\n").encode(), mode=0o600)
    except OSError as error:
        raise NodeagentError(
            f"cannot save the plan in {path}: {error.strerror}", remedy="choose another place for --out"
        ) from error


def _validators(host: Host, profile: Profile, plan: Plan) -> list[str]:
    """Who would be disturbed: an apply refuses then."""
    if not risks_to_allow(plan.items):
        return []
    return [f"{told(unit)}: apply will ask for --force" for unit in in_the_way(host, profile.validator.units)]


def _leftovers(host: Host, state: Path) -> list[str]:
    """Told here because an apply would begin with them; a journal that can't be read is told by `tune history`."""
    from nodeagent.tune.reading import has_journal, read_ledger

    if not has_journal(state):
        return []
    try:
        ledger, _ = read_ledger(state)
    except JournalError as error:
        return [error.message]
    notes = []
    for transaction in ledger.transactions.values():
        if transaction.ended is None:
            notes.append(f"{transaction.id} is under way or was cut off; the next apply undoes what was cut off")
        elif transaction.unconfirmed and transaction.boot_id == host.boot_id():
            notes.append(f"{transaction.id} waits for `nodeagent tune confirm`")
    return notes
