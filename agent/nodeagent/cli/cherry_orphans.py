"""`cherry orphans`: find billed servers that no state knows, and delete those that are named."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from nodeagent.cherry.orphans import Sweep, check_deletable, delete, sweep
from nodeagent.cherry.server import Server
from nodeagent.cli.cherry_session import open_api, read_inventory, scope
from nodeagent.cli.output import Symbol, Terminal, Tone, print_json
from nodeagent.model.errors import ExitCode


def run(
    path: Path,
    terminal: Terminal,
    *,
    deployment: str,
    projects: tuple[int, ...],
    doomed: tuple[int, ...],
    as_json: bool,
) -> ExitCode:
    inventory = read_inventory(path)
    with open_api() as api:
        found = sweep(api, inventory, scope(api, projects), deployment_id=deployment or inventory.deployment_id)
        check_deletable(found, doomed)
        for number in dict.fromkeys(doomed):
            delete(api, number)
            found = replace(found, deleted=(*found.deleted, number))
            click.echo(f"deleted server {number}", err=True)
    if as_json:
        print_json({"left": [one.id for one in found.left], "sweep": found}, kind="cherry-orphans")
    else:
        click.echo("\n".join(_lines(found, terminal)))
    return ExitCode.DIFFERS if found.left else ExitCode.OK


def _lines(found: Sweep, terminal: Terminal) -> Iterator[str]:
    for orphan in found.orphans:
        yield _orphan(orphan, terminal, gone=orphan.id in found.deleted)
    for name in found.missing:
        mark = terminal.style(terminal.symbol(Symbol.DEFERRED), Tone.WARN)
        yield f"  {mark} {name}: in the state, and not at the API"
    if found.left:
        ids = " ".join(f"--delete {one.id}" for one in found.left)
        keep = "if no terraform apply is running: terraform import what you keep; for the rest"
        yield terminal.style(f"      do: {keep}: {ids}", Tone.FAINT)
    told = f", {len(found.deleted)} deleted" if found.deleted else ""
    yield f"Orphans: {len(found.left)} of {found.deployment_id} left{told}; the state knows {found.known} servers."


def _orphan(server: Server, terminal: Terminal, *, gone: bool) -> str:
    symbol, tone = (Symbol.REMOVE, Tone.FAINT) if gone else (Symbol.FAIL, Tone.BAD)
    known = server.unit_price is not None
    price = f"{server.unit_price} {server.currency} ({server.unit})" if known else "price unknown"
    mark = terminal.style(terminal.symbol(symbol), tone)
    what = f"{server.id} {server.hostname} {server.plan} in {server.region}"
    return f"  {mark} {what}, {server.state or 'state not told'} since {server.created_at}, {price}"
