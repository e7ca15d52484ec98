"""Block storages."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Call, Endpoint, Json
from cherrylab.api.shapes.storage import storage_json
from cherrylab.cloud import storages
from cherrylab.cloud.storages import AttachRequest, StorageRequest

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def _of_project(cloud: "Cloud", call: Call) -> list[Json]:
    return [storage_json(cloud, one) for one in storages.of_project(cloud, call.number("project"))]


def _create(cloud: "Cloud", call: Call) -> Json:
    return storage_json(cloud, storages.create(cloud, call.number("project"), call.read(StorageRequest)))


def _show(cloud: "Cloud", call: Call) -> Json:
    return storage_json(cloud, storages.find(cloud, call.number("storage")))


def _update(cloud: "Cloud", call: Call) -> Json:
    return storage_json(cloud, storages.update(cloud, call.number("storage"), call.read(StorageRequest)))


def _attach(cloud: "Cloud", call: Call) -> Json:
    return storage_json(cloud, storages.attach(cloud, call.number("storage"), call.read(AttachRequest)))


def _detach(cloud: "Cloud", call: Call) -> None:
    storages.detach(cloud, call.number("storage"))


def _delete(cloud: "Cloud", call: Call) -> None:
    storages.delete(cloud, call.number("storage"))


_GROUP = "storage"
_ATTACHMENTS = "/v1/storages/{storage}/attachments"

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/projects/{project}/storages",
        summary="all of a project",
        handle=_of_project,
        group=_GROUP,
    ),
    Endpoint(method="POST", path="/v1/projects/{project}/storages", summary="order one", handle=_create, status=201),
    Endpoint(method="GET", path="/v1/storages/{storage}", summary="one", handle=_show, group=_GROUP),
    Endpoint(method="PUT", path="/v1/storages/{storage}", summary="grow it, describe it", handle=_update, status=201),
    Endpoint(
        method="DELETE", path="/v1/storages/{storage}", summary="give back a free one", handle=_delete, status=204
    ),
    Endpoint(method="POST", path=_ATTACHMENTS, summary="attach it to a server", handle=_attach, status=201),
    Endpoint(method="DELETE", path=_ATTACHMENTS, summary="detach it", handle=_detach, status=204),
)
