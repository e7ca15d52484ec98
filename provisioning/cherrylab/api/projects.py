"""Projects."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Call, Endpoint, Json
from cherrylab.api.shapes.project import project_json
from cherrylab.cloud import projects
from cherrylab.cloud.projects import ProjectRequest

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def _of_team(cloud: "Cloud", call: Call) -> list[Json]:
    return [project_json(project) for project in projects.of_team(cloud, call.number("team"))]


def _create(cloud: "Cloud", call: Call) -> Json:
    return project_json(projects.create(cloud, call.number("team"), call.read(ProjectRequest)))


def _show(cloud: "Cloud", call: Call) -> Json:
    return project_json(projects.find(cloud, call.number("project")))


def _update(cloud: "Cloud", call: Call) -> Json:
    return project_json(projects.update(cloud, call.number("project"), call.read(ProjectRequest)))


def _delete(cloud: "Cloud", call: Call) -> None:
    projects.delete(cloud, call.number("project"))


ENDPOINTS = (
    Endpoint(method="GET", path="/v1/teams/{team}/projects", summary="all of a team", handle=_of_team, group="project"),
    Endpoint(method="POST", path="/v1/teams/{team}/projects", summary="make one", handle=_create, status=201),
    Endpoint(method="GET", path="/v1/projects/{project}", summary="one", handle=_show, group="project"),
    Endpoint(
        method="PUT", path="/v1/projects/{project}", summary="rename one, BGP on or off", handle=_update, status=201
    ),
    Endpoint(method="DELETE", path="/v1/projects/{project}", summary="remove an empty one", handle=_delete, status=204),
)
