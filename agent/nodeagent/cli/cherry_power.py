"""`cherry power`: press a button, after asking where that stops what runs."""

import sys

import click

from nodeagent.cherry.power import Power, Press, press
from nodeagent.cherry.server import find_server, power_of
from nodeagent.cli.cherry_session import open_api, scope
from nodeagent.cli.output import Symbol, Terminal, Tone, print_json
from nodeagent.model.errors import ExitCode, RefusedError

_STATUS = "status"


def run(
    action: str,
    hostname: str,
    terminal: Terminal,
    *,
    yes: bool,
    wait_seconds: float,
    projects: tuple[int, ...],
    as_json: bool,
) -> ExitCode:
    with open_api() as api:
        if action != _STATUS and Press(action).harms and not yes and not sys.stdin.isatty():
            raise RefusedError(
                f"power {action} stops what runs on {hostname}, and nobody is here to be asked", remedy="give --yes"
            )
        server = find_server(api, hostname, scope(api, projects))
        if action == _STATUS:
            power = power_of(api, server.id)
            result = Power(hostname=server.hostname, server_id=server.id, power=power, wanted=power)
        else:
            button = Press(action)
            if button.harms and not yes:
                click.confirm(f"power {action} {server.hostname} ({server.id}) now?", abort=True, err=True)
            result = press(api, server, button, wait_seconds=wait_seconds)
    if as_json:
        print_json(result, kind="cherry-power")
    else:
        click.echo(_line(result, terminal))
    return ExitCode.OK if result.reached else ExitCode.DIFFERS


def _line(result: Power, terminal: Terminal) -> str:
    symbol, tone = (Symbol.OK, Tone.GOOD) if result.reached else (Symbol.FAIL, Tone.BAD)
    mark = terminal.style(terminal.symbol(symbol), tone)
    wanted = "" if result.reached else f", wanted {result.wanted}; do: look again, nodeagent cherry power status"
    return f"{mark} {result.hostname} ({result.server_id}): power {result.power or 'not told'}{wanted}"
