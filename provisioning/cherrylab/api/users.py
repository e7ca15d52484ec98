"""The user whose token it is. There is one."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Call, Endpoint, Json
from cherrylab.cloud.errors import NotFoundError

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

_USER: Json = {
    "id": 1,
    "first_name": "Rehearsal",
    "last_name": "Operator",
    "email": "operator@example.com",
    "email_verified": True,
    "phone": "",
    "security_phone": "",
    "security_phone_verified": False,
    "href": "/users/1",
}


def _own(_cloud: "Cloud", _call: Call) -> Json:
    return _USER


def _show(_cloud: "Cloud", call: Call) -> Json:
    if call.number("user") != _USER["id"]:
        raise NotFoundError("User was not found.")
    return _USER


ENDPOINTS = (
    Endpoint(method="GET", path="/v1/user", summary="whose token it is", handle=_own, group="user"),
    Endpoint(method="GET", path="/v1/users/{user}", summary="the same by number", handle=_show, group="user"),
)
