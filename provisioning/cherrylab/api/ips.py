"""IP addresses."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Call, Endpoint, Json
from cherrylab.api.shapes.ip import ip_json
from cherrylab.cloud import ips, servers
from cherrylab.cloud.ips import IpRequest

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def _of_project(cloud: "Cloud", call: Call) -> list[Json]:
    return [ip_json(cloud, ip) for ip in ips.of_project(cloud, call.number("project"))]


def _of_server(cloud: "Cloud", call: Call) -> list[Json]:
    server = servers.find(cloud, call.number("server"))
    return [ip_json(cloud, ip) for ip in ips.of_server(cloud, server.id)]


def _create(cloud: "Cloud", call: Call) -> Json:
    return ip_json(cloud, ips.create(cloud, call.number("project"), call.read(IpRequest)))


def _show(cloud: "Cloud", call: Call) -> Json:
    return ip_json(cloud, ips.find(cloud, call.text("ip")))


def _update(cloud: "Cloud", call: Call) -> Json:
    return ip_json(cloud, ips.update(cloud, call.text("ip"), call.read(IpRequest)))


def _delete(cloud: "Cloud", call: Call) -> None:
    ips.delete(cloud, call.text("ip"))


_GROUP = "ip"

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v1/projects/{project}/ips", summary="all of a project", handle=_of_project, group=_GROUP
    ),
    Endpoint(
        method="POST", path="/v1/projects/{project}/ips", summary="order a floating one", handle=_create, status=201
    ),
    Endpoint(method="GET", path="/v1/servers/{server}/ips", summary="all of a server", handle=_of_server, group=_GROUP),
    Endpoint(method="GET", path="/v1/ips/{ip}", summary="one", handle=_show, group=_GROUP),
    Endpoint(method="PUT", path="/v1/ips/{ip}", summary="attach, detach, change records and tags", handle=_update),
    Endpoint(
        method="DELETE",
        path="/v1/ips/{ip}",
        summary="give back one that is attached to nothing",
        handle=_delete,
        status=204,
    ),
)
