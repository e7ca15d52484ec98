"""Data sources `cherryservers_region` and `cherryservers_regions`."""

from tests.terraform.provider.cherryservers.api import Client, asked
from tests.terraform.provider.values import Object


def look_up(client: Client, config: Object) -> Object:
    """Read one region by its slug or number."""
    return state(asked("region read failed", client, "GET", f"regions/{config['slug'] or config['id']}"))


def look_up_all(client: Client, _config: Object) -> Object:
    """Read all regions."""
    return {"regions": [state(region) for region in asked("region list read failed", client, "GET", "regions")]}


def state(region: Object) -> Object:
    """A region of the API as one of Terraform."""
    plain = {key: region[key] for key in ("id", "name", "slug", "region_iso_2")}
    return plain | {"bgp": bgp(region)}


def bgp(region: Object) -> Object:
    """The BGP peers of a region; those without have none and the number 0."""
    peers = region.get("bgp") or {}
    return {"hosts": peers.get("hosts"), "asn": peers.get("asn", 0)}
