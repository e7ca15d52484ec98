"""Resource and data source `cherryservers_server`, with what the real plugin gets wrong.

Source of the order of calls: internal/provider/server_resource.go of the plugin, and a recording of 1.5.3.
"""

import base64
import binascii
import secrets

from tests.terraform.provider.cherryservers.api import Client, asked, read_or_gone
from tests.terraform.provider.cherryservers.patience import limit_s, wait_until
from tests.terraform.provider.cherryservers.precision import float32
from tests.terraform.provider.diagnostics import DiagnosticError
from tests.terraform.provider.planning import Rules
from tests.terraform.provider.values import UNKNOWN, Object

_REINSTALLING = frozenset({"image", "ssh_key_ids", "os_partition_size", "user_data"})
_READ = "unable to read a CherryServers server resource"


class Server:
    """A server. Whatever fails between its POST and the end of `create` leaves it billed and in no state."""

    rules = Rules(
        defaults={"tags": {}, "spot_instance": False, "allow_reinstall": False},
        kept=frozenset(
            {
                "hostname",
                "id",
                "image",
                "ip_addresses",
                "name",
                "power_state",
                "spot_instance",
                "ssh_key_ids",
                "state",
                "tags",
            }
        ),
        replacing=frozenset(
            {
                "cycle",
                "discount_code",
                "extra_ip_addresses_ids",
                "ip_addresses_ids",
                "plan",
                "project_id",
                "region",
                "spot_instance",
            }
        ),
        reinstalling=_REINSTALLING,
        renewed_by_reinstall=frozenset({"ip_addresses"}),
        conflicts=(("extra_ip_addresses_ids", "ip_addresses_ids"),),
    )

    def create(self, client: Client, planned: Object) -> Object:
        """POST, GET its state until it is active, GET its power, PUT the name, GET all of it, GET the plan's images."""
        body = _order(planned)
        path = f"projects/{planned['project_id']}/servers"
        identifier = asked("unable to create a CherryServers server resource", client, "POST", path, body)["id"]
        _wait_for_deploy(client, identifier, limit_s(planned["timeouts"], "create"))
        power = _power(client, identifier)
        named = {"name": planned["name"]} if planned["name"] not in {None, UNKNOWN} else {}
        summary = "unable to update a CherryServers server resource with name/bgp after it's creation"
        # Always with `bgp`: the real client can't leave it out.
        asked(summary, client, "PUT", f"servers/{identifier}", named | {"bgp": False})
        server = asked(_READ, client, "GET", f"servers/{identifier}")
        return planned | _state(client, server, power)

    def read(self, client: Client, state: Object) -> Object | None:
        """GET, GET its power, GET the plan's images; one that is being removed counts as gone."""
        server = read_or_gone(client, f"servers/{state['id']}", summary=_READ)
        if server is None or server["state"] == "terminating":
            return None
        return state | _state(client, server, _power(client, server["id"]))

    def update(self, client: Client, prior: Object, planned: Object) -> Object:
        """(Reinstall,) PUT, GET, GET its power, GET the plan's images.

        A reinstall that fails stops nothing: the rest is done and the planned user_data gets into the state.
        """
        failed_reinstall = _reinstall_if_planned(client, prior, planned)
        body = {"name": planned["name"], "hostname": planned["hostname"], "tags": planned["tags"], "bgp": False}
        summary = "unable to update a CherryServers server resource"
        asked(summary, client, "PUT", f"servers/{prior['id']}", body)
        server = asked(summary, client, "GET", f"servers/{prior['id']}")
        state = planned | _state(client, server, _power(client, server["id"]))
        if failed_reinstall is not None:
            said = failed_reinstall.diagnostic
            raise DiagnosticError(said.summary, said.detail, state=state)
        return state

    def delete(self, client: Client, state: Object) -> None:
        """DELETE, and no look whether it is gone."""
        asked("unable to delete a CherryServers server resource", client, "DELETE", f"servers/{state['id']}")

    def imported(self, identifier: str) -> Object:
        """By number."""
        return {"id": identifier}


def look_up(client: Client, config: Object) -> Object:
    """Read one server by its number, or by its host name within a project."""
    identifier = config["id"]
    if identifier is None:
        identifier = find_by_hostname(client, config["project_id"], config["hostname"])["id"]
    server = asked("server not found", client, "GET", f"servers/{identifier}")
    return _state(client, server, _power(client, server["id"])) | {"timeouts": config["timeouts"]}


def find_by_hostname(client: Client, project: int, hostname: str) -> Object:
    """The server of a project with this name, in whatever case."""
    summary = "invalid target server ID or hostname"
    servers = asked(summary, client, "GET", f"projects/{project}/servers?fields=id,name,hostname")
    found = (server for server in servers if server["hostname"].casefold() == hostname.casefold())
    server: Object | None = next(found, None)
    if server is None:
        raise DiagnosticError(summary, f"could not find server with `{hostname}` hostname")
    return server


def _order(planned: Object) -> Object:
    """The body of the POST: what is set, and the keys that are always sent."""
    chosen = {
        "hostname": planned["hostname"],
        "image": planned["image"],
        "ssh_keys": planned["ssh_key_ids"],
        "ip_addresses": planned["extra_ip_addresses_ids"] or planned["ip_addresses_ids"],
        "user_data": _checked_user_data(planned),
        "os_partition_size": planned["os_partition_size"],
        "cycle": planned["cycle"],
        "discount": planned["discount_code"],
    }
    return {
        "project_id": planned["project_id"],
        "plan": planned["plan"],
        "region": planned["region"],
        "tags": planned["tags"],
        "spot_market": planned["spot_instance"],
    } | {name: value for name, value in chosen.items() if value is not UNKNOWN and value}


def _checked_user_data(planned: Object) -> str | None:
    user_data: str | None = planned["user_data"]
    if user_data is None:
        return None
    try:
        base64.b64decode(user_data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DiagnosticError("unable to read user data", f"illegal base64 data: {error}") from error
    return user_data


def _wait_for_deploy(client: Client, identifier: int, patience_s: float) -> None:
    summary = "unable to deploy CherryServers server"

    def is_active() -> bool:
        state = asked(summary, client, "GET", f"servers/{identifier}?fields=state")["state"]
        if state not in {"pending", "provisioning", "active"}:
            raise DiagnosticError(summary, "failed to deploy server")
        return bool(state == "active")

    wait_until(is_active, summary=summary, limit_s=patience_s)


def _reinstall_if_planned(client: Client, prior: Object, planned: Object) -> DiagnosticError | None:
    """Reinstall where the plan asks for it, and return what went wrong; raises where it isn't allowed."""
    if all(_equal(prior[name], planned[name]) for name in _REINSTALLING):
        return None
    if not planned["allow_reinstall"]:
        raise DiagnosticError(
            "allow_reinstall attribute not set",
            "updating image, ssh_key_ids, os_partition_size or user_data, requires setting allow_reinstall to true",
        )
    try:
        _reinstall(client, planned)
    except DiagnosticError as error:
        return error
    return None


def _reinstall(client: Client, planned: Object) -> None:
    summary = "unable to reinstall CherryServers server"
    chosen = {
        "ssh_keys": planned["ssh_key_ids"],
        "user_data": _checked_user_data(planned),
        "os_partition_size": planned["os_partition_size"],
    }
    body = {
        "type": "reinstall",
        "image": planned["image"],
        "hostname": planned["hostname"],
        "password": secrets.token_urlsafe(12),
    } | {name: value for name, value in chosen.items() if value}
    asked("unable to create a CherryServers server resource", client, "POST", f"servers/{planned['id']}/actions", body)

    def is_deployed() -> bool:
        status = asked(summary, client, "GET", f"servers/{planned['id']}?fields=status")["status"]
        if status not in {"deploying", "deployed"}:
            raise DiagnosticError(summary, "server is in unknown status")
        return bool(status == "deployed")

    wait_until(is_deployed, summary=summary, limit_s=limit_s(planned["timeouts"], "update"))


def _power(client: Client, identifier: int) -> str:
    summary = "unable to get CherryServers server power-state"
    return str(asked(summary, client, "GET", f"servers/{identifier}?fields=power")["power"])


def _state(client: Client, server: Object, power: str) -> Object:
    return {
        "id": str(server["id"]),
        "plan": server["plan"]["slug"],
        "project_id": server["project"]["id"],
        "region": server["region"]["slug"],
        "hostname": server["hostname"],
        "name": server["name"],
        "image": _image_slug(client, server),
        "ssh_key_ids": [str(key["id"]) for key in server.get("ssh_keys") or []],
        "tags": server.get("tags"),
        "spot_instance": server.get("spot_instance", False),
        "power_state": power,
        "state": server["state"],
        "ip_addresses": [
            {name: address.get(name) for name in ("id", "type", "address", "address_family", "cidr")}
            for address in server.get("ip_addresses") or []
        ],
        "pricing": {
            "currency": server["pricing"]["currency"],
            "price": float32(server["pricing"]["unit_price"]),
        },
    }


def _image_slug(client: Client, server: Object) -> str:
    """The API tells an image by its name; the plan's list knows the slug."""
    summary = "Unable to normalize CherryServers server image"
    images = asked(summary, client, "GET", f"plans/{server['plan']['slug']}/images")
    slugs = [image["slug"] for image in images if image["name"] == server["image"]]
    if not slugs:
        raise DiagnosticError(summary, f"could not find image slug for image with name `{server['image']}`")
    return str(slugs[0])


def _equal(before: object, after: object) -> bool:
    if isinstance(before, list) and isinstance(after, list):
        return sorted(before) == sorted(after)
    return before == after
