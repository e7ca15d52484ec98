"""Plans with prices and the stock of this moment, their images, and assembled variants. They need no token."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Call, Endpoint, Json
from cherrylab.cloud import teams
from cherrylab.cloud.errors import NotFoundError
from cherrylab.cloud.faults import Kind
from cherrylab.cloud.stock import with_stock

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def _every(cloud: "Cloud", call: Call) -> list[Json]:
    wanted = call.query.get("region") or call.query.get("region_id")
    region = None if wanted is None else cloud.catalogue.region(wanted)
    if wanted is not None and region is None:
        raise NotFoundError("Region was not found.")
    return [
        _shown(cloud, call, plan)
        for plan in cloud.catalogue.plans
        if region is None or region["id"] in {one["id"] for one in plan["available_regions"]}
    ]


def _of_team(cloud: "Cloud", call: Call) -> list[Json]:
    teams.find(cloud, call.number("team"))
    return _every(cloud, call)


def _show(cloud: "Cloud", call: Call) -> Json:
    return _shown(cloud, call, _find(cloud, call))


def _images(cloud: "Cloud", call: Call) -> list[Json]:
    return list(cloud.catalogue.images_of(_find(cloud, call)))


def _prebuilts(cloud: "Cloud", call: Call) -> list[Json]:
    return list(cloud.catalogue.prebuilts_of(_find(cloud, call), region=call.query.get("region")))


def _prebuilts_of_team(cloud: "Cloud", call: Call) -> list[Json]:
    teams.find(cloud, call.number("team"))
    return _prebuilts(cloud, call)


def _find(cloud: "Cloud", call: Call) -> Json:
    plan = cloud.catalogue.plan(call.text("plan"))
    if plan is None:
        raise NotFoundError("Server plan was not found.")
    return plan


def _shown(cloud: "Cloud", call: Call, plan: Json) -> Json:
    images = [{"name": one["name"], "slug": one["slug"]} for one in cloud.catalogue.images_of(plan)]
    stocked = with_stock(cloud, plan, sold_out=call.has_effect(Kind.OUT_OF_STOCK))
    return stocked | {"softwares": [{"image": image} for image in images]}


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/plans",
        summary="all; `?region=` by slug or `?region_id=`",
        handle=_every,
        is_public=True,
        group="plan",
    ),
    Endpoint(
        method="GET",
        path="/v1/plans/{plan}",
        summary="one, by slug or number",
        handle=_show,
        is_public=True,
        group="plan",
    ),
    Endpoint(
        method="GET",
        path="/v1/plans/{plan}/images",
        summary="images that a plan may have",
        handle=_images,
        is_public=True,
        group="image",
    ),
    Endpoint(
        method="GET",
        path="/v1/plans/{plan}/prebuilts",
        summary="assembled variants; `?region=` by slug",
        handle=_prebuilts,
        is_public=True,
    ),
    Endpoint(method="GET", path="/v1/teams/{team}/plans", summary="those of a team", handle=_of_team, group="plan"),
    Endpoint(
        method="GET",
        path="/v1/teams/{team}/plans/{plan}/prebuilts",
        summary="assembled variants for a team",
        handle=_prebuilts_of_team,
    ),
)
