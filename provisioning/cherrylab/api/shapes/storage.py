"""A block storage in JSON."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Json
from cherrylab.cloud import ips
from cherrylab.cloud.storages import Storage

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def storage_json(cloud: "Cloud", storage: Storage) -> Json:
    shape: Json = {
        "id": storage.id,
        "name": f"cs-volume-{storage.project_id}-{storage.id}",
        "href": f"/storages/{storage.id}",
        "size": storage.size_gigabytes,
        "unit": "GB",
        "allow_edit_size": True,
        "description": storage.description,
        "region": cloud.catalogue.region(storage.region),
    }
    server = None if storage.server_id is None else cloud.store.servers.get(storage.server_id)
    if server is not None:
        shape |= {
            "attached_to": {"id": server.id, "hostname": server.hostname, "href": f"/servers/{server.id}"},
            "vlan_id": str(ips.vlan_of(cloud, storage.project_id, storage.region)),
            "vlan_ip": f"10.0.0.{1 + storage.id % 254}",
            "initiator": f"iqn.2019-03.com.cherryservers:initiator-{storage.project_id}-{storage.id}",
            "discovery_ip": "10.0.0.254",
        }
    return shape
