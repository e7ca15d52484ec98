"""Teams."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Call, Endpoint, Json
from cherrylab.api.shapes.team import team_json
from cherrylab.cloud import teams
from cherrylab.cloud.teams import TeamRequest

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def _every(cloud: "Cloud", _call: Call) -> list[Json]:
    return [team_json(cloud, team) for team in teams.every(cloud)]


def _create(cloud: "Cloud", call: Call) -> Json:
    return team_json(cloud, teams.create(cloud, call.read(TeamRequest)))


def _show(cloud: "Cloud", call: Call) -> Json:
    return team_json(cloud, teams.find(cloud, call.number("team")))


def _update(cloud: "Cloud", call: Call) -> Json:
    return team_json(cloud, teams.update(cloud, call.number("team"), call.read(TeamRequest)))


def _delete(cloud: "Cloud", call: Call) -> None:
    teams.delete(cloud, call.number("team"))


ENDPOINTS = (
    Endpoint(method="GET", path="/v1/teams", summary="all teams of the token", handle=_every, group="team"),
    Endpoint(method="POST", path="/v1/teams", summary="make a team", handle=_create, status=201),
    Endpoint(method="GET", path="/v1/teams/{team}", summary="one, with its credit", handle=_show, group="team"),
    Endpoint(method="PUT", path="/v1/teams/{team}", summary="change one", handle=_update, status=201),
    Endpoint(
        method="DELETE", path="/v1/teams/{team}", summary="remove one without projects", handle=_delete, status=204
    ),
)
