"""All servers at a glance, read from the books by whoever looks on."""

from pathlib import Path

from cherrylab.cloud.catalogue import Catalogue, load_catalogue
from cherrylab.cloud.clock import RealClock
from cherrylab.cloud.ips import Ip, IpType
from cherrylab.cloud.lifecycle import is_gone, shown
from cherrylab.cloud.pricing import price_of
from cherrylab.cloud.servers import Server
from cherrylab.cloud.store import Store

HEADER = ("ID", "HOSTNAME", "PLAN", "REGION", "STATE", "POWER", "PRICE", "PUBLIC", "PRIVATE", "TAGS")


def rows(directory: Path) -> list[tuple[str, ...]]:
    """One line a server, as HEADER has it. The price is that of its cycle, without tax."""
    catalogue, now = load_catalogue(), RealClock().now()
    with Store.open(directory / "cloud.db") as store:
        addresses = store.ips.all()
        servers = [one for one in store.servers.all() if not is_gone(one.progress, now=now)]
    return [_row(server, addresses, catalogue, now) for server in servers]


def _row(server: Server, addresses: tuple[Ip, ...], catalogue: Catalogue, now: float) -> tuple[str, ...]:
    seen = shown(server.progress, now=now, in_rescue=server.rescue_password is not None)
    own = {ip.type: ip.address for ip in addresses if ip.server_id == server.id}
    plan = catalogue.sold(server.plan, prebuilt_id=server.prebuilt_id)
    price = price_of(plan, cycle=server.cycle, spot=server.spot)
    return (
        str(server.id),
        server.hostname,
        server.plan,
        server.region,
        seen.status if seen.state == "active" else seen.state,
        "on" if server.is_on else "off",
        "?" if price is None else f"{price['price']:g} {price['currency']} {price['unit'].lower()}",
        own.get(IpType.PRIMARY, ""),
        own.get(IpType.PRIVATE, ""),
        " ".join(f"{name}={value}" for name, value in sorted(server.tags.items())),
    )
