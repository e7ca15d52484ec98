"""SSH keys: of the account, of a project (the same) and of a server."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Call, Endpoint, Json
from cherrylab.api.shapes.ssh_key import ssh_key_json
from cherrylab.cloud import projects, servers, ssh_keys
from cherrylab.cloud.ssh_keys import SshKeyRequest

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def _every(cloud: "Cloud", _call: Call) -> list[Json]:
    return [ssh_key_json(key) for key in ssh_keys.every(cloud)]


def _of_project(cloud: "Cloud", call: Call) -> list[Json]:
    projects.find(cloud, call.number("project"))
    return _every(cloud, call)


def _of_server(cloud: "Cloud", call: Call) -> list[Json]:
    server = servers.find(cloud, call.number("server"))
    return [ssh_key_json(key) for key in ssh_keys.every(cloud) if key.id in server.ssh_key_ids]


def _create(cloud: "Cloud", call: Call) -> Json:
    return ssh_key_json(ssh_keys.create(cloud, call.read(SshKeyRequest)))


def _show(cloud: "Cloud", call: Call) -> Json:
    return ssh_key_json(ssh_keys.find(cloud, call.number("key")))


def _update(cloud: "Cloud", call: Call) -> Json:
    return ssh_key_json(ssh_keys.update(cloud, call.number("key"), call.read(SshKeyRequest)))


def _delete(cloud: "Cloud", call: Call) -> None:
    ssh_keys.delete(cloud, call.number("key"))


_GROUP = "ssh_key"

ENDPOINTS = (
    Endpoint(method="GET", path="/v1/ssh-keys", summary="all of the account", handle=_every, group=_GROUP),
    Endpoint(method="POST", path="/v1/ssh-keys", summary="add one", handle=_create, status=201),
    Endpoint(method="GET", path="/v1/ssh-keys/{key}", summary="one", handle=_show, group=_GROUP),
    Endpoint(method="PUT", path="/v1/ssh-keys/{key}", summary="change label or key", handle=_update, status=201),
    Endpoint(method="DELETE", path="/v1/ssh-keys/{key}", summary="remove one", handle=_delete, status=204),
    Endpoint(
        method="GET",
        path="/v1/projects/{project}/ssh-keys",
        summary="those that a project's servers may have",
        handle=_of_project,
        group=_GROUP,
    ),
    Endpoint(
        method="GET",
        path="/v1/servers/{server}/ssh-keys",
        summary="those that a server was made with",
        handle=_of_server,
        group=_GROUP,
    ),
)
