"""A server in JSON, as the API answered in 2026. Passwords show for 24 hours after they were made, then no more."""

import re
from typing import TYPE_CHECKING, Any

from cherrylab.api.endpoint import Json
from cherrylab.api.shapes.ip import ip_json
from cherrylab.api.shapes.project import project_json
from cherrylab.api.shapes.storage import storage_json
from cherrylab.cloud import ips, pricing, servers, storages
from cherrylab.cloud.clock import timestamp
from cherrylab.cloud.servers import SECRETS_SECONDS, Server

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def server_json(cloud: "Cloud", server: Server, *, bmc_scrubbed: bool = False) -> Json:
    """Without `power`, which is shown only where it is asked for by name."""
    plan = servers.plan_of(cloud, server)
    image = next((one for one in cloud.catalogue.images if one["slug"] == server.image), None)
    assert image is not None
    now = cloud.clock.now()
    state = servers.seen(cloud, server)
    project = cloud.store.projects.get(server.project_id)
    shape: Json = {
        "id": server.id,
        "name": server.name,
        "href": f"/servers/{server.id}",
        "hostname": server.hostname,
        "image": image["name"],
        "deployed_image": {"name": image["name"], "slug": image["slug"]},
        "spot_instance": server.spot,
        "region": cloud.catalogue.region(server.region),
        "state": state.state,
        "status": state.status,
        "bgp": _bgp(server),
        "software": {"addons": []},
        "plan": _plan_in_short(plan),
        "pricing": pricing.bill(plan, cycle=server.cycle, spot=server.spot, age_seconds=now - server.created_at),
        "ip_addresses": [ip_json(cloud, ip) for ip in ips.of_server(cloud, server.id)],
        "ssh_keys": [{"id": number, "href": f"/ssh-keys/{number}"} for number in server.ssh_key_ids],
        "vlan": 600 + server.id % 100,
        "tags": server.tags,
        "termination_date": "None" if server.deleted_at is None else timestamp(server.deleted_at),
        "upgradable": plan["type"] != "baremetal",
        "created_at": timestamp(server.created_at),
        "traffic_used_bytes": _traffic(server, now),
        "network": "on",
        "project": project_json(project) if project else None,
    }
    storage = storages.of_server(cloud, server.id)
    if storage is not None:
        shape["storage"] = storage_json(cloud, storage)
    return shape | _hardware(plan) | _bmc(server, plan, now, scrubbed=bmc_scrubbed) | _login(server, now)


def _plan_in_short(plan: Json) -> Json:
    return {key: value for key, value in plan.items() if key not in {"available_regions", "softwares"}}


def _bgp(server: Server) -> Json:
    return {
        "enabled": server.bgp,
        "available": False,
        "status": "Enabled" if server.bgp else "Disabled",
        "routers": 0,
        "connected": 0,
        "limit": 0,
        "active": 0,
        "routes": [],
        "updated": timestamp(server.created_at),
    }


def _hardware(plan: Json) -> Json:
    first: dict[str, Any] = plan["specs"]["storage"][0]
    limit = int(1_000 * float(re.sub(r"[^\d.]", "", plan["specs"]["nics"]["name"])))
    return {
        "os_raid_level": "Raid 1" if first["count"] > 1 else "No raid",
        "os_disk": first["name"],
        "bandwidth_speed_mbps": {"limit": limit, "maximum": limit},
    }


def _bmc(server: Server, plan: Json, now: float, *, scrubbed: bool) -> Json:
    if plan["type"] != "baremetal":
        return {}
    shape: Json = {"ip": server.bmc.ip}
    if now - server.bmc.made_at < SECRETS_SECONDS and not scrubbed:
        shape |= {"user": server.bmc.user, "password": server.bmc.password}
    if server.bmc.is_open(now) and server.bmc.open_until is not None:
        shape["expires"] = timestamp(server.bmc.open_until)
        if server.bmc.allowed_ip is not None:
            shape["allowed_ip"] = server.bmc.allowed_ip
    return {"bmc": shape}


def _login(server: Server, now: float) -> Json:
    if now - server.password_made_at >= SECRETS_SECONDS:
        return {}
    return {"username": "root", "password": server.password}


def _traffic(server: Server, now: float) -> int:
    """A little for every second, so that it grows and can be foreseen."""
    return int(1_000 * max(0.0, now - server.created_at))
