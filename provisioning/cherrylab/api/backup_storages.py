"""Backup storages and their plans."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Call, Endpoint, Json
from cherrylab.api.shapes.backup_storage import backup_storage_json, method_json
from cherrylab.cloud import backup_storages
from cherrylab.cloud.backup_storages import BackupRequest, MethodRequest

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def _plans(cloud: "Cloud", _call: Call) -> list[Json]:
    return list(cloud.catalogue.backup_plans)


def _of_project(cloud: "Cloud", call: Call) -> list[Json]:
    own = backup_storages.of_project(cloud, call.number("project"))
    return [backup_storage_json(cloud, one) for one in own]


def _create(cloud: "Cloud", call: Call) -> Json:
    storage = backup_storages.create(cloud, call.number("server"), call.read(BackupRequest))
    return backup_storage_json(cloud, storage)


def _show(cloud: "Cloud", call: Call) -> Json:
    return backup_storage_json(cloud, backup_storages.find(cloud, call.number("storage")))


def _update(cloud: "Cloud", call: Call) -> Json:
    storage = backup_storages.update(cloud, call.number("storage"), call.read(BackupRequest))
    return backup_storage_json(cloud, storage)


def _update_method(cloud: "Cloud", call: Call) -> list[Json]:
    request = call.read(MethodRequest)
    storage = backup_storages.update_method(cloud, call.number("storage"), call.text("method"), request)
    return [method_json(storage, method) for method in storage.methods]


def _delete(cloud: "Cloud", call: Call) -> None:
    backup_storages.delete(cloud, call.number("storage"))


_ONE = "/v1/backup-storages/{storage}"

ENDPOINTS = (
    Endpoint(method="GET", path="/v1/backup-storage-plans", summary="sizes and prices", handle=_plans, group="plan"),
    Endpoint(
        method="GET", path="/v1/projects/{project}/backup-storages", summary="all of a project", handle=_of_project
    ),
    Endpoint(
        method="POST", path="/v1/servers/{server}/backup-storages", summary="order one", handle=_create, status=201
    ),
    Endpoint(method="GET", path=_ONE, summary="one", handle=_show),
    Endpoint(method="PUT", path=_ONE, summary="change plan, password, key", handle=_update, status=201),
    Endpoint(
        method="PATCH", path=f"{_ONE}/methods/{{method}}", summary="open or close a way in", handle=_update_method
    ),
    Endpoint(method="DELETE", path=_ONE, summary="give one back", handle=_delete, status=204),
)
