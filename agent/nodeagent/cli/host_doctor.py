"""`host doctor` as text and JSON: one line a check, and below it, where something lacks, why and what to do."""

import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

from nodeagent.cli.output import Symbol, Terminal, Tone, print_json
from nodeagent.host import Host
from nodeagent.host.diagnosis import Area, Check, Health
from nodeagent.host.doctor import diagnose
from nodeagent.model.errors import ExitCode
from nodeagent.serve.address import DEFAULT_PORT

_WIDTH = 78
_INDENT = " " * 7
_MARKS = {
    Health.OK: (Symbol.OK, Tone.GOOD),
    Health.WARN: (Symbol.REBOOT, Tone.WARN),
    Health.MISSING: (Symbol.FAIL, Tone.BAD),
}


def show(terminal: Terminal, *, state_dir: Path | None, as_json: bool) -> ExitCode:
    checks = diagnose(Host(), metrics_port=DEFAULT_PORT, state_dir=state_dir)
    counts = {state.value: sum(check.state is state for check in checks) for state in Health}
    if as_json:
        print_json({"checks": checks, "counts": counts}, kind="host.doctor")
    else:
        click.echo("\n".join(_lines(checks, terminal)))
        click.echo(f"\n{_summary(counts)}")
    return ExitCode.ERROR if counts[Health.MISSING] else ExitCode.OK


def _lines(checks: tuple[Check, ...], terminal: Terminal) -> Iterator[str]:
    width = max(len(check.name) for check in checks)
    order = list(Area)
    ordered = sorted(checks, key=lambda check: order.index(check.area))
    for number, (area, group) in enumerate(groupby(ordered, key=lambda check: check.area)):
        if number:
            yield ""
        yield terminal.style(area.capitalize(), Tone.STRONG)
        for check in group:
            yield from _check_lines(check, terminal, width=width)


def _check_lines(check: Check, terminal: Terminal, *, width: int) -> Iterator[str]:
    symbol, tone = _MARKS[check.state]
    mark = terminal.symbol(symbol)
    yield f"  {terminal.style(mark, tone)}{' ' * (4 - len(mark))} {check.name.ljust(width)}  {check.found}".rstrip()
    if check.state is not Health.OK:
        for line in textwrap.wrap(check.reason, width=_WIDTH - len(_INDENT)):
            yield _INDENT + terminal.style(line, Tone.FAINT)
        yield f"{_INDENT}{terminal.symbol(Symbol.ARROW)} {check.remedy}"


def _summary(counts: dict[str, int]) -> str:
    if counts[Health.MISSING]:
        return f"{counts['missing']} missing, {counts['warn']} to look at, {counts['ok']} fine."
    if counts[Health.WARN]:
        return f"Nothing required is missing; {counts['warn']} to look at, {counts['ok']} fine."
    return f"All {counts['ok']} fine."
