"""The console of a server: its management controller (BMC), opened for one address for a limited time.

The API opens it (`create-console-access`) and shows user and password for 24 hours after they were made; then only a
new password helps (`reset-bmc-password`). There is no console without an address: open to all it would be open to all.
"""

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from nodeagent.cherry.api import Api, CherryError
from nodeagent.cherry.secret import Secret
from nodeagent.cherry.server import Server
from nodeagent.cherry.shape import part, text
from nodeagent.model.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """How to reach a BMC. `allowed_ip` and `expires` are "" where access isn't open."""

    hostname: str
    server_id: int
    ip: str
    user: str
    password: Secret
    allowed_ip: str
    expires: str


def open_console(api: Api, server: Server, *, allowed_ip: str) -> Console:
    """Open the console for one IPv4 address. CherryError, with nothing opened, where the password isn't shown."""
    try:
        address = IPv4Address(allowed_ip)
    except AddressValueError as error:
        raise UsageError(
            f"--from {allowed_ip}: no IPv4 address", remedy="give the public address that you connect from"
        ) from error
    if address.is_unspecified:
        raise UsageError("--from 0.0.0.0 would open it to everybody", remedy="give the address that you connect from")
    read_console(api, server)
    api.post(f"/servers/{server.id}/actions", {"type": "create-console-access", "allowed_ip": str(address)})
    return read_console(api, server)


def reset_password(api: Api, server: Server) -> Console:
    """Give the BMC a new password; the old one stops working."""
    api.post(f"/servers/{server.id}/actions", {"type": "reset-bmc-password"})
    return read_console(api, server)


def read_console(api: Api, server: Server) -> Console:
    bmc = part(api.get(f"/servers/{server.id}"), "bmc")
    if not text(bmc, "ip"):
        raise CherryError(
            f"{server.hostname} ({server.plan}) has no BMC", remedy="virtual servers have a console in the portal only"
        )
    user, password = text(bmc, "user"), text(bmc, "password")
    if not user or not password:
        raise CherryError(
            f"the API doesn't show the BMC password of {server.hostname}: it does for 24 hours after one was made",
            remedy=f"nodeagent cherry reset-bmc-password {server.hostname}",
        )
    return Console(
        hostname=server.hostname,
        server_id=server.id,
        ip=text(bmc, "ip"),
        user=user,
        password=Secret(password),
        allowed_ip=text(bmc, "allowed_ip"),
        expires=text(bmc, "expires"),
    )
