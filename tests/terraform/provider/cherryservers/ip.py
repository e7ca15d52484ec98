"""Resource and data source `cherryservers_ip`: a floating address."""

from tests.terraform.provider.cherryservers.api import Client, asked, read_or_gone
from tests.terraform.provider.cherryservers.server import find_by_hostname
from tests.terraform.provider.diagnostics import DiagnosticError
from tests.terraform.provider.planning import Rules
from tests.terraform.provider.values import UNKNOWN, Object

_NO_TARGET = "0"


class Ip:
    """An address that is routed to a server, to another address, or nowhere yet."""

    rules = Rules(
        defaults={"tags": {}},
        kept=frozenset({"id", "address", "address_family", "cidr", "gateway", "type"}),
        replacing=frozenset({"project_id", "region"}),
        conflicts=(
            ("target_id", "target_hostname"),
            ("target_id", "target_ip_id"),
            ("target_hostname", "target_ip_id"),
        ),
    )

    def create(self, client: Client, planned: Object) -> Object:
        """(GET servers by name,) POST, GET."""
        body = {"region": planned["region"]} | _body(client, planned)
        summary = "unable to create a CherryServers IP resource"
        created = asked(summary, client, "POST", f"projects/{planned['project_id']}/ips", body)
        return planned | _state(_get(client, created["id"]))

    def read(self, client: Client, state: Object) -> Object | None:
        """GET."""
        found = read_or_gone(client, f"ips/{state['id']}", summary="unable to read a CherryServers ip resource")
        return found and state | _state(found)

    def update(self, client: Client, prior: Object, planned: Object) -> Object:
        """PUT, then GET."""
        body = _body(client, planned)
        asked("unable to update a CherryServers ip resource", client, "PUT", f"ips/{prior['id']}", body)
        return planned | _state(_get(client, prior["id"]))

    def delete(self, client: Client, state: Object) -> None:
        """Take it off its target, then DELETE."""
        if state["target_id"] != _NO_TARGET:
            summary = "unable to unassign a CherryServers ip resource from target, before deleting"
            asked(summary, client, "PUT", f"ips/{state['id']}", {"targeted_to": _NO_TARGET})
        asked("unable to delete a CherryServers ip resource", client, "DELETE", f"ips/{state['id']}")

    def imported(self, identifier: str) -> Object:
        """By its UUID."""
        return {"id": identifier}


def look_up(client: Client, config: Object) -> Object:
    """Read one address by its UUID, or by itself within a project."""
    summary = "Error: unable to read a CherryServers IP data source"
    if config["id"] is not None:
        return _state(asked(summary, client, "GET", f"ips/{config['id']}"))
    addresses = asked(summary, client, "GET", f"projects/{config['project_id']}/ips")
    found = next((entry for entry in addresses if entry["address"] == config["address"]), None)
    if found is None:
        raise DiagnosticError(summary, f"no such address in the project: {config['address']}")
    return _state(found)


def _get(client: Client, identifier: str) -> Object:
    found: Object = asked("unable to read a CherryServers ip resource", client, "GET", f"ips/{identifier}")
    return found


def _body(client: Client, planned: Object) -> Object:
    known = {name: value for name, value in planned.items() if value is not UNKNOWN and value}
    optional = {"ptr_record": "ptr_record", "a_record": "a_record", "routed_to": "target_ip_id"}
    body: Object = {key: known[name] for key, name in optional.items() if name in known}
    return body | {"targeted_to": _target(client, known), "tags": planned["tags"]}


def _target(client: Client, known: Object) -> str:
    if known.get("target_id", _NO_TARGET) != _NO_TARGET:
        return str(known["target_id"])
    if "target_hostname" not in known:
        return _NO_TARGET
    server = find_by_hostname(client, known["project_id"], known["target_hostname"])
    return str(server["id"])


def _state(found: Object) -> Object:
    target, route = found.get("targeted_to") or {}, found.get("routed_to") or {}
    return {
        "id": found["id"],
        "project_id": found["project"]["id"],
        "region": found["region"]["slug"],
        "target_id": str(target.get("id", 0)),
        "target_hostname": target.get("hostname", ""),
        "target_ip_id": route.get("id", ""),
        "a_record_effective": found.get("a_record") or "",
        "ptr_record_effective": found.get("ptr_record") or "",
        "address": found["address"],
        "address_family": found["address_family"],
        "cidr": found["cidr"],
        "gateway": found.get("gateway") or "",
        "type": found["type"],
        "tags": found.get("tags"),
    }
