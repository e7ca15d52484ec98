"""`tune verify`: is the machine as its profile says? It opens nothing for writing, the state directory included."""

from dataclasses import dataclass
from pathlib import Path

import click

from nodeagent.cli import tune_setup
from nodeagent.cli.output import Terminal, Tone, print_json
from nodeagent.cli.tune_finding_view import verdict_lines
from nodeagent.model.errors import ExitCode
from nodeagent.tune.tunables import TUNABLES
from nodeagent.tune.verify import exit_code, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The arguments of `tune verify`, as typed."""

    profile: str | None = None
    only: tuple[str, ...] = ()
    verbose: bool = False
    root: Path = Path("/")


def run(request: Request, terminal: Terminal, *, as_json: bool) -> ExitCode:
    profile = tune_setup.load(request.profile, tune_setup.state_of(request.root))
    with tune_setup.opened(request.root) as host:
        # A map of CPUs is made from all that the machine has; what no tunable asks for needn't be read otherwise.
        facts = host.facts() if profile.placement else host.facts_on_demand()
        verdicts = verify(host, profile, facts, TUNABLES, only=request.only or None)
        notes = tune_setup.misfits(profile, facts)
        name = host.text("/proc/sys/kernel/hostname")
    code = exit_code(verdicts)
    if as_json:
        told = [
            {"tunable": verdict.tunable, "state": verdict.state, "findings": verdict.findings} for verdict in verdicts
        ]
        document = {"profile": profile.name, "profile_digest": profile.digest, "notes": notes, "verdicts": told}
        print_json({"exit_code": int(code), **document}, kind="tune.verify")
        return code
    click.echo(f"{name or 'this host'}, profile {profile.name}")
    for note in notes:
        click.echo(terminal.style(f"note: {note}", Tone.WARN))
    click.echo()
    lines = verdict_lines(verdicts, terminal, verbose=request.verbose, width=tune_setup.width_of(terminal))
    click.echo("\n".join(lines))
    return code
