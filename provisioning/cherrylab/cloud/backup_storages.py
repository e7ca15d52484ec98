"""Backup storages: a file server of a size, beside one server, with the four ways to reach it."""

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cherrylab.cloud import projects
from cherrylab.cloud.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

METHODS = ("borg", "ftp", "nfs", "smb")
_PORTS = {"borg": 23, "ftp": 21, "nfs": 2049, "smb": 445}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to reach a backup storage. `whitelist` names the addresses that may."""

    name: str
    port: int
    enabled: bool = False
    whitelist: tuple[str, ...] = ()
    ssh_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupStorage:
    """`plan` and `region` are slugs."""

    id: int
    project_id: int
    server_id: int
    plan: str
    region: str
    password: str
    ssh_key: str = ""
    methods: tuple[Method, ...] = field(
        default_factory=lambda: tuple(Method(name=name, port=_PORTS[name]) for name in METHODS)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """What a client may say of a backup storage; None is unsaid. `slug` names its plan."""

    region: str | None = None
    slug: str | None = None
    password: str | None = None
    ssh_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRequest:
    """What a client may say of one way to reach it; None is unsaid."""

    enabled: bool | None = None
    whitelist: list[str] | None = None
    ssh_key: str | None = None


def find(cloud: "Cloud", identity: int) -> BackupStorage:
    storage = cloud.store.backup_storages.get(identity)
    if storage is None:
        raise NotFoundError("Backup storage was not found.")
    return storage


def of_project(cloud: "Cloud", project_id: int) -> tuple[BackupStorage, ...]:
    project = projects.find(cloud, project_id)
    return tuple(one for one in cloud.store.backup_storages.all() if one.project_id == project.id)


def create(cloud: "Cloud", server_id: int, request: BackupRequest) -> BackupStorage:
    server = cloud.store.servers.get(server_id)
    if server is None or server.deleted_at is not None:
        raise NotFoundError("Server was not found.")
    plan = cloud.catalogue.backup_plan(request.slug or "")
    if plan is None:
        raise InvalidError("Given backup storage plan was not found.")
    if request.region not in {region["slug"] for region in plan["regions"]}:
        raise InvalidError("Given region was not found.")
    return cloud.store.backup_storages.put(
        BackupStorage(
            id=cloud.store.backup_storages.next_id(),
            project_id=server.project_id,
            server_id=server.id,
            plan=plan["slug"],
            region=request.region or "",
            password=secrets.token_urlsafe(15),
            ssh_key=request.ssh_key or "",
        )
    )


def update(cloud: "Cloud", identity: int, request: BackupRequest) -> BackupStorage:
    storage = find(cloud, identity)
    slug = request.slug or storage.plan
    if cloud.catalogue.backup_plan(slug) is None:
        raise InvalidError("Given backup storage plan was not found.")
    return cloud.store.backup_storages.put(
        replace(
            storage,
            plan=slug,
            password=request.password or storage.password,
            ssh_key=storage.ssh_key if request.ssh_key is None else request.ssh_key,
        )
    )


def update_method(cloud: "Cloud", identity: int, name: str, request: MethodRequest) -> BackupStorage:
    storage = find(cloud, identity)
    if name.lower() not in METHODS:
        raise NotFoundError("Backup method was not found.")
    methods = tuple(_changed(one, request) if one.name == name.lower() else one for one in storage.methods)
    return cloud.store.backup_storages.put(replace(storage, methods=methods))


def delete(cloud: "Cloud", identity: int) -> None:
    cloud.store.backup_storages.remove(find(cloud, identity).id)


def delete_of(cloud: "Cloud", server_id: int) -> None:
    """A server goes, and what was ordered beside it."""
    for storage in cloud.store.backup_storages.all():
        if storage.server_id == server_id:
            cloud.store.backup_storages.remove(storage.id)


def _changed(method: Method, request: MethodRequest) -> Method:
    return replace(
        method,
        enabled=method.enabled if request.enabled is None else request.enabled,
        whitelist=method.whitelist if request.whitelist is None else tuple(request.whitelist),
        ssh_key=method.ssh_key if request.ssh_key is None else request.ssh_key,
    )
