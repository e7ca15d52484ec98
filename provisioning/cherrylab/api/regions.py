"""Regions and billing cycles, straight from the catalogue."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Call, Endpoint, Json
from cherrylab.cloud.errors import NotFoundError

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def _every(cloud: "Cloud", _call: Call) -> list[Json]:
    return list(cloud.catalogue.regions)


def _show(cloud: "Cloud", call: Call) -> Json:
    region = cloud.catalogue.region(call.text("region"))
    if region is None:
        raise NotFoundError("Region was not found.")
    return region


def _cycles(cloud: "Cloud", _call: Call) -> list[Json]:
    return list(cloud.catalogue.cycles)


ENDPOINTS = (
    Endpoint(method="GET", path="/v1/regions", summary="all", handle=_every, is_public=True, group="region"),
    Endpoint(
        method="GET",
        path="/v1/regions/{region}",
        summary="one, by slug or number",
        handle=_show,
        is_public=True,
        group="region",
    ),
    Endpoint(method="GET", path="/v1/cycles", summary="billing cycles", handle=_cycles, is_public=True),
)
