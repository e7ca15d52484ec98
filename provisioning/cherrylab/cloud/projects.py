"""Projects: what holds servers, addresses and storages. A project has one private network in each region."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cherrylab.cloud import teams
from cherrylab.cloud.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

_FIRST_ASN = 65_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """`local_asn` is 0 unless BGP is enabled."""

    id: int
    team_id: int
    name: str
    bgp: bool = False
    local_asn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRequest:
    """What a client may say of a project; None is unsaid."""

    name: str | None = None
    bgp: bool | None = None


def find(cloud: "Cloud", identity: int) -> Project:
    project = cloud.store.projects.get(identity)
    if project is None:
        raise NotFoundError("Project was not found.")
    return project


def of_team(cloud: "Cloud", team_id: int) -> tuple[Project, ...]:
    team = teams.find(cloud, team_id)
    return tuple(project for project in cloud.store.projects.all() if project.team_id == team.id)


def create(cloud: "Cloud", team_id: int, request: ProjectRequest) -> Project:
    team = teams.find(cloud, team_id)
    if not request.name:
        raise InvalidError("name: This value should not be blank.")
    project = Project(id=cloud.store.projects.next_id(), team_id=team.id, name=request.name)
    return cloud.store.projects.put(_changed(project, request))


def update(cloud: "Cloud", identity: int, request: ProjectRequest) -> Project:
    return cloud.store.projects.put(_changed(find(cloud, identity), request))


def delete(cloud: "Cloud", identity: int) -> None:
    """InvalidError while something in it is still paid for; what is terminating goes with the project."""
    project = find(cloud, identity)
    store = cloud.store
    paid: list[str] = []
    paid += [f"server {one.id}" for one in store.servers.all() if one.project_id == project.id and not one.deleted_at]
    paid += [f"IP address {one.address}" for one in store.ips.all() if one.project_id == project.id and one.is_floating]
    paid += [f"storage {one.id}" for one in store.storages.all() if one.project_id == project.id]
    paid += [f"backup storage {one.id}" for one in store.backup_storages.all() if one.project_id == project.id]
    if paid:
        raise InvalidError(f"Project is not empty and can not be deleted: {', '.join(paid)}.")
    store.projects.remove(project.id)


def _changed(project: Project, request: ProjectRequest) -> Project:
    bgp = project.bgp if request.bgp is None else request.bgp
    return replace(
        project,
        name=request.name or project.name,
        bgp=bgp,
        local_asn=_FIRST_ASN + project.id % 500 if bgp else 0,
    )
