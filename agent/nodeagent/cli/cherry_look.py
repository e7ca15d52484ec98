"""Cherry commands that only look: access, stock, costs."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import click

from nodeagent.cherry.access import Access, access
from nodeagent.cherry.account import Team
from nodeagent.cherry.costs import TERABYTE, Bill, Costs, costs
from nodeagent.cherry.stock import Offer, Stock, stock
from nodeagent.cli.cherry_session import open_api, scope
from nodeagent.cli.output import Symbol, Terminal, Tone, print_json, table
from nodeagent.model.errors import ExitCode
from nodeagent.model.units import counted
from nodeagent.readiness.review.money import shown
from nodeagent.readiness.review.plan import parse_plan
from nodeagent.readiness.review.prices import CHERRY_FILE, parse_prices


def show_access(terminal: Terminal, *, as_json: bool) -> ExitCode:
    with open_api() as api:
        found = access(api)
    if as_json:
        print_json(found, kind="cherry-access")
    else:
        click.echo("\n".join(_access_lines(found, terminal)))
    return ExitCode.OK


def show_stock(path: Path, terminal: Terminal, *, as_json: bool) -> ExitCode:
    plan = parse_plan(path.read_bytes(), where=str(path))
    with open_api() as api:
        found = stock(api, plan)
    if as_json:
        offers = [
            {"plan": one.order.plan, "region": one.order.region, "spot": one.order.spot, "wanted": one.order.count}
            | {"stock": one.stock, "elsewhere": one.elsewhere, "enough": one.enough}
            for one in found.offers
        ]
        print_json({"enough": found.enough, "offers": offers, "teams": found.teams}, kind="cherry-stock")
    else:
        click.echo("\n".join(_stock_lines(found, terminal)))
    return ExitCode.OK if found.enough else ExitCode.TARGET_MISSED


def show_costs(
    terminal: Terminal, *, deployment: str, prices: Path | None, projects: tuple[int, ...], as_json: bool
) -> ExitCode:
    path = prices or CHERRY_FILE
    listed = parse_prices(path.read_bytes(), name=path.name)
    with open_api() as api:
        found = costs(api, scope(api, projects), listed, deployment_id=deployment)
    if as_json:
        print_json(_costs_document(found), kind="cherry-costs")
    else:
        click.echo("\n".join(_cost_lines(found, terminal, path.name)))
    return ExitCode.DIFFERS if found.differs else ExitCode.OK


def _access_lines(found: Access, terminal: Terminal) -> Iterator[str]:
    for team in found.teams:
        yield f"{terminal.style(team.name, Tone.STRONG)}  team {team.id}{_credit(team)}"
        rows = [(f"  {project.name}", f"project {project.id}") for project in team.projects]
        yield table(rows) if rows else "  no project yet"
    left = "not told" if found.requests_left is None else str(found.requests_left)
    ok = terminal.style(terminal.symbol(Symbol.OK), Tone.GOOD)
    yield (
        f"{ok} The token of {found.user} works: {counted(len(found.teams), 'team')}; "
        f"{found.requests_per_second} requests a second, left now: {left}."
    )


def _credit(team: Team) -> str:
    if team.credit is None:
        return ""
    return f", credit {team.credit:,.2f} {team.currency}"


def _stock_lines(found: Stock, terminal: Terminal) -> Iterator[str]:
    yield from (_offer_line(offer, terminal) for offer in found.offers)
    for team in found.teams:
        yield terminal.style(f"  team {team.id} {team.name}{_credit(team)}", Tone.FAINT)
    short = sum(not offer.enough for offer in found.offers)
    if not found.offers:
        yield "The plan buys no server."
    elif short:
        yield (
            terminal.style(f"{terminal.symbol(Symbol.FAIL)} NO-GO", Tone.BAD)
            + f": {short} of {len(found.offers)} short."
        )
    else:
        yield terminal.style(f"{terminal.symbol(Symbol.OK)} GO", Tone.GOOD) + ": everything is in stock."


def _offer_line(offer: Offer, terminal: Terminal) -> str:
    order = offer.order
    symbol, tone = (Symbol.OK, Tone.GOOD) if offer.enough else (Symbol.FAIL, Tone.BAD)
    what = f"{order.count} x {order.plan or 'unknown plan'}{' (spot)' if order.spot else ''} in {order.region or '?'}"
    there = "isn't sold there" if offer.stock is None else f"{offer.stock} in stock"
    other = ", ".join(f"{name}: {left}" for name, left in offer.elsewhere.items())
    hint = f"; do: take another region ({other})" if other and not offer.enough else ""
    hint = hint or ("" if offer.enough else "; do: choose another plan, or ask Cherry Servers for one")
    return f"  {terminal.style(terminal.symbol(symbol), tone)} {what}: {there}{hint}"


def _cost_lines(found: Costs, terminal: Terminal, prices: str) -> Iterator[str]:
    header = ("", "server", "plan", "a month", f"by {prices}", "traffic")
    rows = [_bill_row(bill, terminal) for bill in found.bills]
    if rows:
        yield table(rows, header=header)
    included = "" if found.included_bytes is None else f" of {_terabytes(found.included_bytes)} included"
    total = ", ".join(f"{shown(amount)} {currency}" for currency, amount in found.totals.items()) or "nothing"
    wanted = ", ".join(f"{shown(amount)} {currency}" for currency, amount in found.estimates.items()) or "nothing"
    whose = f" of {found.deployment_id}" if found.deployment_id else ""
    yield (
        f"Costs: {len(found.bills)} servers{whose}, {total} a month, estimated {wanted}; "
        f"traffic {_terabytes(found.traffic_bytes)}{included}."
    )


def _bill_row(bill: Bill, terminal: Terminal) -> tuple[str, ...]:
    symbol, tone = (Symbol.FAIL, Tone.BAD) if bill.differs else (Symbol.OK, Tone.GOOD)
    server = bill.server
    return (
        f"  {terminal.style(terminal.symbol(symbol), tone)}",
        f"{server.hostname} ({server.id})",
        server.plan,
        _amount(bill.month, bill.currency),
        _amount(bill.estimate, bill.currency),
        "not told" if server.traffic_bytes is None else _terabytes(server.traffic_bytes),
    )


def _amount(amount: Decimal | None, currency: str) -> str:
    return "unknown" if amount is None else f"{shown(amount)} {currency}"


def _terabytes(count_bytes: int) -> str:
    return f"{count_bytes / TERABYTE:,.3f} TB"


def _costs_document(found: Costs) -> dict[str, object]:
    return {
        "deployment_id": found.deployment_id,
        "differs": found.differs,
        "month": {currency: str(amount) for currency, amount in found.totals.items()},
        "estimate": {currency: str(amount) for currency, amount in found.estimates.items()},
        "traffic_bytes": found.traffic_bytes,
        "included_bytes": found.included_bytes,
        "servers": [
            {
                "id": bill.server.id,
                "hostname": bill.server.hostname,
                "plan": bill.server.plan,
                "currency": bill.currency,
                "month": None if bill.month is None else str(bill.month),
                "estimate": None if bill.estimate is None else str(bill.estimate),
                "traffic_bytes": bill.server.traffic_bytes,
                "differs": bill.differs,
            }
            for bill in found.bills
        ],
    }
