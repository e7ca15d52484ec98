"""Storages: block storage over iSCSI, ordered for itself and attached to one server at a time."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cherrylab.cloud import projects
from cherrylab.cloud.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """`region` is a slug; `server_id` is None while it is attached to nothing."""

    id: int
    project_id: int
    region: str
    size_gigabytes: int
    description: str = ""
    server_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageRequest:
    """What a client may say of a storage; None is unsaid. `size` is in GB."""

    region: str | None = None
    size: int | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRequest:
    """To which server."""

    attach_to: int


def find(cloud: "Cloud", identity: int) -> Storage:
    storage = cloud.store.storages.get(identity)
    if storage is None:
        raise NotFoundError("Storage was not found.")
    return storage


def of_project(cloud: "Cloud", project_id: int) -> tuple[Storage, ...]:
    project = projects.find(cloud, project_id)
    return tuple(one for one in cloud.store.storages.all() if one.project_id == project.id)


def of_server(cloud: "Cloud", server_id: int) -> Storage | None:
    return next((one for one in cloud.store.storages.all() if one.server_id == server_id), None)


def create(cloud: "Cloud", project_id: int, request: StorageRequest) -> Storage:
    project = projects.find(cloud, project_id)
    region = cloud.catalogue.region(request.region or "")
    if region is None:
        raise InvalidError("Given region was not found.")
    if request.size is None or request.size < 1:
        raise InvalidError("size: This value should be 1 or more.")
    return cloud.store.storages.put(
        Storage(
            id=cloud.store.storages.next_id(),
            project_id=project.id,
            region=region["slug"],
            size_gigabytes=request.size,
            description=request.description or "",
        )
    )


def update(cloud: "Cloud", identity: int, request: StorageRequest) -> Storage:
    storage = find(cloud, identity)
    size = storage.size_gigabytes if request.size is None else request.size
    if size < storage.size_gigabytes:
        raise InvalidError("size: Storage size can not be reduced.")
    description = storage.description if request.description is None else request.description
    return cloud.store.storages.put(replace(storage, size_gigabytes=size, description=description))


def attach(cloud: "Cloud", identity: int, request: AttachRequest) -> Storage:
    storage = find(cloud, identity)
    server = cloud.store.servers.get(request.attach_to)
    if server is None or server.deleted_at is not None or server.project_id != storage.project_id:
        raise InvalidError("Given server was not found.")
    if server.region != storage.region:
        raise InvalidError("Given server is in another region.")
    if storage.server_id is not None:
        raise InvalidError("Storage is already attached.")
    if of_server(cloud, server.id) is not None:
        raise InvalidError("Given server has a storage already.")
    return cloud.store.storages.put(replace(storage, server_id=server.id))


def detach(cloud: "Cloud", identity: int) -> Storage:
    storage = find(cloud, identity)
    if storage.server_id is None:
        raise InvalidError("Storage is not attached.")
    return cloud.store.storages.put(replace(storage, server_id=None))


def detach_from(cloud: "Cloud", server_id: int) -> None:
    """A server goes; its storage stays."""
    storage = of_server(cloud, server_id)
    if storage is not None:
        cloud.store.storages.put(replace(storage, server_id=None))


def delete(cloud: "Cloud", identity: int) -> None:
    storage = find(cloud, identity)
    if storage.server_id is not None:
        raise InvalidError("Storage is attached and can not be deleted.")
    cloud.store.storages.remove(storage.id)
