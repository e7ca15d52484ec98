"""Servers: order, look, change, delete, act."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Call, Endpoint, Json
from cherrylab.api.shapes.server import server_json
from cherrylab.cloud import actions, orders, servers
from cherrylab.cloud.actions import ActionRequest
from cherrylab.cloud.faults import Kind
from cherrylab.cloud.orders import Order
from cherrylab.cloud.servers import Server, ServerUpdate

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def _of_project(cloud: "Cloud", call: Call) -> list[Json]:
    return [_shown(cloud, call, server) for server in servers.of_project(cloud, call.number("project"))]


def _create(cloud: "Cloud", call: Call) -> Json:
    order = call.read(Order)
    return server_json(cloud, orders.create(cloud, call.number("project"), order, effect=call.effect))


def _show(cloud: "Cloud", call: Call) -> Json:
    return _shown(cloud, call, servers.find(cloud, call.number("server")))


def _update(cloud: "Cloud", call: Call) -> Json:
    return server_json(cloud, servers.update(cloud, call.number("server"), call.read(ServerUpdate)))


def _delete(cloud: "Cloud", call: Call) -> None:
    slow = call.effect is not None and call.effect.kind is Kind.SLOW_DELETE
    seconds = call.effect.seconds if call.effect is not None and slow else None
    servers.delete(cloud, call.number("server"), terminate_seconds=seconds)


def _act(cloud: "Cloud", call: Call) -> Json:
    request = call.read(ActionRequest)
    return server_json(cloud, actions.act(cloud, call.number("server"), request, effect=call.effect))


def _shown(cloud: "Cloud", call: Call, server: Server) -> Json:
    shape = server_json(cloud, server, bmc_scrubbed=call.has_effect(Kind.BMC_SCRUBBED))
    if "power" in call.query.get("fields", "").split(","):
        shape["power"] = "on" if servers.is_on(cloud, server) else "off"
    return shape


_GROUP = "server"

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/projects/{project}/servers",
        summary="all of a project",
        handle=_of_project,
        group=_GROUP,
    ),
    Endpoint(method="POST", path="/v1/projects/{project}/servers", summary="order one", handle=_create, status=201),
    Endpoint(
        method="GET",
        path="/v1/servers/{server}",
        summary="one; its power only with `?fields=power`",
        handle=_show,
        group=_GROUP,
    ),
    Endpoint(
        method="PUT",
        path="/v1/servers/{server}",
        summary="change name, hostname, tags, BGP",
        handle=_update,
        status=201,
    ),
    Endpoint(method="DELETE", path="/v1/servers/{server}", summary="terminate one", handle=_delete, status=204),
    Endpoint(method="POST", path="/v1/servers/{server}/actions", summary="act on one (below)", handle=_act, status=201),
)
