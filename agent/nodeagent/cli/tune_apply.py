"""`tune apply`: plan or read a plan, show it, ask, carry it out, tell what became of it."""

import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click

from nodeagent.cli import tune_plan, tune_setup
from nodeagent.cli.output import Symbol, Terminal, Tone, print_json
from nodeagent.cli.tune_finding_view import verdict_lines, wrapped
from nodeagent.cli.tune_undo_view import undo_lines, undo_summary
from nodeagent.host import Host
from nodeagent.model.change import Risk
from nodeagent.model.errors import ExitCode, UsageError
from nodeagent.model.profile import Profile
from nodeagent.model.units import counted, parse_duration
from nodeagent.model.verdict import State, Verdict
from nodeagent.tune.apply import apply, tidy_up
from nodeagent.tune.apply_result import ApplyOutcome, ApplyResult, Order
from nodeagent.tune.clashes import CLASHES
from nodeagent.tune.confirm import check_window
from nodeagent.tune.disruption import check_undisturbed, default_window
from nodeagent.tune.gate import check_plan, check_rights
from nodeagent.tune.interrupt import stop_between_steps
from nodeagent.tune.plan import Plan, make_plan
from nodeagent.tune.plan_file import read_plan
from nodeagent.tune.progress import Event, Step
from nodeagent.tune.session import open_session
from nodeagent.tune.tunables import TUNABLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The arguments of `tune apply`, as typed."""

    plan_file: Path | None = None
    profile: str | None = None
    only: tuple[str, ...] = ()
    verbose: bool = False
    yes: bool = False
    allow: tuple[str, ...] = ()
    confirm_within: str | None = None
    no_confirm: bool = False
    force: bool = False
    override: tuple[str, ...] = ()
    state_dir: Path | None = None
    root: Path = Path("/")


def run(request: Request, terminal: Terminal, *, as_json: bool) -> ExitCode:
    if request.no_confirm and request.confirm_within is not None:
        raise UsageError("--confirm-within and --no-confirm can't both be meant")
    if unknown := [name for name in request.override if name not in {clash.id for clash in CLASHES}]:
        raise UsageError(f"--override {unknown[0]}: there is no clash of this id", remedy="nodeagent tune plan")
    within = _window(request.confirm_within)
    saved, reference = read_plan(request.plan_file) if request.plan_file else (None, None)
    if saved is not None and request.only:
        raise UsageError("--only can't be given with a saved plan: it was chosen when the plan was made")
    if saved is None and not request.yes and not sys.stdin.isatty():
        raise UsageError(
            "nobody is here to be asked (stdin is no terminal)", remedy="give --yes, or apply a saved plan"
        )
    host = tune_setup.live(request.root)
    state = tune_setup.state_of(request.root, request.state_dir)
    is_first = not state.is_dir()
    profile = tune_setup.load(request.profile or reference, state, keep=not is_first)
    listener = _Progress(terminal, verbose=request.verbose, quiet=as_json)
    with open_session(host, state, command=_command(), listener=listener) as session:
        if is_first:  # the directory is there now, and found safe to write to
            tune_setup.load(request.profile or reference, state, keep=True)
        leftovers = tidy_up(session)
        if leftovers and not as_json:
            click.echo("Left by an earlier run:")
            _echo(undo_lines(leftovers, terminal, verbose=request.verbose, width=tune_setup.width_of(terminal)))
        plan = saved or _make_plan(host, profile, request.only, fresh=bool(leftovers))
        if not as_json:
            notes = list(tune_setup.misfits(profile, host.facts()))
            tune_plan.show(plan, notes, terminal, verbose=request.verbose, whole=saved is None)
        order = _order(host, plan, profile, request, within)
        if host.is_live:
            check_rights(plan, TUNABLES, is_root=tune_setup.is_root())
        check_plan(plan, allow=order.allow, overrides=order.overrides)
        check_undisturbed(host, profile.validator.units, plan.items, force=order.force)
        if plan.items and saved is None and not request.yes:
            click.confirm("\nApply this plan?", abort=True, err=True)
        with stop_between_steps() as interrupted:
            result = apply(session, replace(order, interrupted=interrupted))
    _tell(result, terminal, verbose=request.verbose, as_json=as_json)
    return result.exit_code


def _window(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return check_window(parse_duration(text))
    except ValueError as error:
        raise UsageError(f"--confirm-within: {error}") from error


def _command() -> str:
    return shlex.join(sys.argv[1:])


def _make_plan(host: Host, profile: Profile, only: tuple[str, ...], *, fresh: bool) -> Plan:
    facts = host.facts(fresh=fresh)
    return make_plan(host, profile, facts, TUNABLES, only=only or None, created_at=time.time())


def _order(host: Host, plan: Plan, profile: Profile, request: Request, within: float | None) -> Order:
    asks_nothing = within is None and not request.no_confirm
    return Order(
        plan=plan,
        profile=profile,
        tunables=TUNABLES,
        read_facts=lambda: host.facts(fresh=True),
        allow=frozenset(Risk(name) for name in request.allow),
        force=request.force,
        overrides=request.override,
        confirm_within_seconds=default_window(plan.items, TUNABLES) if asks_nothing else within,
    )


class _Progress:
    """One line on stderr for each change. A terminal that went away must not stop an apply, so it falls silent then."""

    def __init__(self, terminal: Terminal, *, verbose: bool, quiet: bool) -> None:
        self.terminal = terminal
        self.verbose = verbose
        self.silent = quiet

    def __call__(self, event: Event) -> None:
        if self.silent:
            return
        text = self._text(event)
        if not text:
            return
        try:
            click.echo(text, err=True)
        except OSError:
            self.silent = True

    def _text(self, event: Event) -> str:
        number = f"[{event.number}/{event.total}] " if event.total else ""
        command = f": {event.text}" if self.verbose and event.text else ""
        match event.step:
            case Step.ARMED:
                return f"A guard will roll back in {event.text} s unless it is confirmed."
            case Step.DONE:
                return f"{number}{event.key}{command}"
            case Step.FAILED:
                return f"{number}{event.key}: {event.text}"
            case Step.RESTORED:
                return f"undone: {event.key}{command}"
            case _:
                return ""


def _tell(result: ApplyResult, terminal: Terminal, *, verbose: bool, as_json: bool) -> None:
    if as_json:
        print_json(result_to_document(result), kind="tune.apply")
        return
    width = tune_setup.width_of(terminal)
    if result.undone:
        click.echo()
        _echo(undo_lines(result.undone, terminal, verbose=verbose, width=width))
        click.echo(undo_summary(result.undone))
    open_verdicts = _still_open(result.verdicts)
    if open_verdicts:
        click.echo()
        _echo(verdict_lines(open_verdicts, terminal, verbose=False, width=width))
    click.echo()
    _echo(_ending(result, terminal, width))


def _ending(result: ApplyResult, terminal: Terminal, width: int) -> Iterator[str]:
    """The last lines: how it ended, and the next command for each way it can go on."""
    done = f"{len(result.applied)} of {counted(result.total, 'change')}"
    match result.outcome:
        case ApplyOutcome.NOTHING:
            yield f"{terminal.style(terminal.symbol(Symbol.OK), Tone.GOOD)} Nothing to change."
            return
        case ApplyOutcome.APPLIED:
            applied = counted(len(result.applied), "change")
            yield f"{terminal.style(terminal.symbol(Symbol.OK), Tone.GOOD)} Applied {applied}."
        case ApplyOutcome.INTERRUPTED:
            yield f"Interrupted after {done}; they stand. To go on: nodeagent tune apply"
        case _:
            yield from wrapped(f"Stopped: {result.problem}", width, terminal=terminal, tone=Tone.BAD, indent="")
            if result.remedy:
                yield f"next: {result.remedy}"
            yield f"Rolled back after {done}. The story: nodeagent tune history {result.transaction}"
            return
    yield f"To undo: nodeagent tune rollback --txn {result.transaction}"
    if result.undo_script is not None:
        yield f"Without nodeagent: sh {result.undo_script}"
    if result.confirm_within_seconds is not None:
        within = f"{result.confirm_within_seconds:g} s from the start of the apply"
        yield terminal.style(f"Confirm within {within}, or it is rolled back: nodeagent tune confirm", Tone.WARN)


def result_to_document(result: ApplyResult) -> dict[str, object]:
    """The JSON of an apply: how it ended, what was done, what was undone, what still differs."""
    return {
        "outcome": result.outcome.value,
        "exit_code": int(result.exit_code),
        "transaction": result.transaction,
        "changes": len(result.applied),
        "total": result.total,
        "applied": [
            {"key": change.key, "tunable": change.tunable, "command": change.command()} for change in result.applied
        ],
        "problem": result.problem,
        "remedy": result.remedy,
        "undone": result.undone,
        "recovered": result.recovered,
        "undo_script": result.undo_script,
        "confirm_within_seconds": result.confirm_within_seconds,
        "verdicts": [
            {"state": verdict.state, "tunable": verdict.tunable, "findings": verdict.findings}
            for verdict in result.verdicts
        ],
    }


def _still_open(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """What the apply did not mend, and must not pass over in silence."""
    return tuple(
        replace(verdict, findings=left)
        for verdict in verdicts
        if (
            left := tuple(
                finding
                for finding in verdict.findings
                if not finding.optional and finding.state not in (State.OK, State.NOT_APPLICABLE)
            )
        )
    )


def _echo(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(line)
