"""`tune list`: every tunable in its order, enabled or not, supported or not, and why not."""

from pathlib import Path

import click

from nodeagent.cli import tune_setup
from nodeagent.cli.output import Terminal, Tone, print_json, table
from nodeagent.cli.tune_finding_view import wrapped
from nodeagent.tune.asking import unsupported
from nodeagent.tune.placement import placed
from nodeagent.tune.tunables import TUNABLES


def show(terminal: Terminal, *, profile: str | None, root: Path, as_json: bool) -> None:
    loaded = tune_setup.load(profile, tune_setup.state_of(root)) if profile else None
    with tune_setup.opened(root) as host:
        facts = placed(host.facts(), loaded) if loaded else host.facts()
        reasons = {tunable.name: unsupported(host, tunable, facts) for tunable in TUNABLES}
    enabled = loaded.tune if loaded else {}
    if as_json:
        rows = [
            {
                "tunable": tunable.name,
                "summary": tunable.summary,
                "risk": tunable.risk,
                "enabled": tunable.name in enabled if loaded else None,
                "supported": not reasons[tunable.name],
                "reason": reasons[tunable.name],
            }
            for tunable in TUNABLES
        ]
        print_json({"profile": loaded.name if loaded else None, "tunables": rows}, kind="tune.list")
        return
    header = ("TUNABLE", "ENABLED", "SUPPORTED", "RISK")
    lines = table(
        [
            (
                tunable.name,
                _yes(tunable.name in enabled) if loaded else "-",
                _yes(not reasons[tunable.name]),
                tunable.risk.value,
            )
            for tunable in TUNABLES
        ],
        header=header,
    ).splitlines()
    click.echo(terminal.style(lines[0], Tone.STRONG))
    width = tune_setup.width_of(terminal)
    for line, tunable in zip(lines[1:], TUNABLES, strict=True):
        click.echo(line)
        for text, tone in ((tunable.summary, Tone.FAINT), (reasons[tunable.name], Tone.WARN)):
            if text:
                click.echo("\n".join(wrapped(text, width, terminal=terminal, tone=tone, indent="  ")))
    if not loaded:
        click.echo("Which are enabled is up to a profile: nodeagent tune list --profile NAME")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
