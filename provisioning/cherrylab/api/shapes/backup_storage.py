"""A backup storage in JSON."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Json
from cherrylab.api.shapes.ip import ip_json
from cherrylab.cloud import ips
from cherrylab.cloud.backup_storages import BackupStorage, Method

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def backup_storage_json(cloud: "Cloud", storage: BackupStorage) -> Json:
    plan = cloud.catalogue.backup_plan(storage.plan)
    assert plan is not None
    server = cloud.store.servers.get(storage.server_id)
    return {
        "id": storage.id,
        "status": "deployed",
        "state": "active",
        "private_ip": f"10.1.0.{1 + storage.id % 254}",
        "public_ip": _public_ip(storage),
        "size_gigabytes": plan["size_gigabytes"],
        "used_gigabytes": 0,
        "attached_to": {
            "id": storage.server_id,
            "href": f"/servers/{storage.server_id}",
            "hostname": server.hostname if server else None,
        },
        "methods": [method_json(storage, method) for method in storage.methods],
        "available_addresses": [ip_json(cloud, ip) for ip in ips.of_server(cloud, storage.server_id)],
        "rules": [],
        "plan": {key: value for key, value in plan.items() if key != "regions"},
        "pricing": plan["pricing"][0],
        "region": cloud.catalogue.region(storage.region),
        "href": f"/backup-storages/{storage.id}",
    }


def method_json(storage: BackupStorage, method: Method) -> Json:
    return {
        "name": method.name,
        "username": f"backup{storage.id}",
        "password": storage.password,
        "port": method.port,
        "host": _public_ip(storage),
        "ssh_key": method.ssh_key or storage.ssh_key,
        "whitelist": list(method.whitelist),
        "enabled": method.enabled,
        "processing": False,
    }


def _public_ip(storage: BackupStorage) -> str:
    return f"203.0.113.{1 + storage.id % 254}"
