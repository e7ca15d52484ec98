"""An IP address in JSON. The server that it belongs to stands in it in short, without its secrets."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Json
from cherrylab.api.shapes.project import project_json
from cherrylab.cloud.ips import Ip

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

_RESOLVERS = ["10.100.0.53", "10.100.0.54"]
_NO_SERVER: Json = {"id": 0}


def ip_json(cloud: "Cloud", ip: Ip) -> Json:
    project = cloud.store.projects.get(ip.project_id)
    server = _server_in_short(cloud, ip.server_id)
    shape: Json = {
        "id": ip.id,
        "address": ip.address,
        "address_family": 4,
        "cidr": ip.cidr,
        "type": ip.type,
        "region": cloud.catalogue.region(ip.region),
        "assigned_to": server or _NO_SERVER,
        "targeted_to": server or _NO_SERVER,
        "ptr_record": ip.ptr_record,
        "a_record": ip.a_record,
        "ddos_scrubbing": False,
        "tags": ip.tags,
        "project": project_json(project) if project else None,
        "href": f"/ips/{ip.id}",
    }
    if ip.gateway is not None:
        shape |= {"gateway": ip.gateway, "dns_resolvers": _RESOLVERS}
    if ip.vlan_id is not None:
        shape["vlan_id"] = ip.vlan_id
    if ip.routed_to is not None:
        shape["routed_to"] = _routed_to(cloud, ip.routed_to)
    return shape


def _routed_to(cloud: "Cloud", identity: str) -> Json:
    other = cloud.store.ips.get(identity)
    return {"id": identity} if other is None else {"id": other.id, "address": other.address, "type": other.type}


def _server_in_short(cloud: "Cloud", identity: int | None) -> Json | None:
    server = None if identity is None else cloud.store.servers.get(identity)
    if server is None:
        return None
    return {
        "id": server.id,
        "name": server.name,
        "href": f"/servers/{server.id}",
        "hostname": server.hostname,
        "spot_instance": server.spot,
        "region": cloud.catalogue.region(server.region),
        "tags": server.tags,
    }
