"""`cherry check`: the console check, in text and JSON."""

from collections.abc import Iterator
from pathlib import Path

import click

from nodeagent.cherry.check import Report, Seen, check
from nodeagent.cli.cherry_session import open_api, read_inventory, scope
from nodeagent.cli.output import Symbol, Terminal, Tone, print_json, table
from nodeagent.model.errors import ExitCode


def run(path: Path, terminal: Terminal, *, projects: tuple[int, ...], as_json: bool) -> ExitCode:
    inventory = read_inventory(path)
    with open_api() as api:
        report = check(api, inventory, scope(api, projects))
    if as_json:
        print_json(report, kind="cherry-check")
    else:
        click.echo("\n".join(_lines(report, terminal)))
    return ExitCode.DIFFERS if report.differences else ExitCode.OK


def _lines(report: Report, terminal: Terminal) -> Iterator[str]:
    header = ("", "server", "plan", "region", "image", "public", "private", "state", "power", "DDoS scrubbing")
    different = {one.hostname for one in report.differences}
    if report.seen:
        yield table(
            [_row(one, terminal, differs=one.server.hostname in different) for one in report.seen], header=header
        )
    for one in report.differences:
        mark = terminal.style(terminal.symbol(Symbol.FAIL), Tone.BAD)
        yield f"  {mark} {one.hostname}: {one.what}: got={one.got} wanted={one.wanted}"
    if report.differences:
        yield terminal.style(
            "      do: terraform plan shows what it would change; an unknown server: nodeagent cherry orphans",
            Tone.FAINT,
        )
    yield f"Check: {len(report.seen)} of {report.wanted} servers seen, {len(report.differences)} differences."


def _row(one: Seen, terminal: Terminal, *, differs: bool) -> tuple[str, ...]:
    server = one.server
    symbol, tone = (Symbol.FAIL, Tone.BAD) if differs else (Symbol.OK, Tone.GOOD)
    return (
        f"  {terminal.style(terminal.symbol(symbol), tone)}",
        f"{server.hostname} ({server.id})",
        server.plan,
        server.region,
        server.image,
        server.public_ip or "-",
        server.private_ip or "-",
        server.state,
        one.power or "not told",
        "on" if server.ddos_scrubbing else "off",
    )
