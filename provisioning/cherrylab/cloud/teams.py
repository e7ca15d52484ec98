"""Teams: who pays. There is one from the start, number 1, and it is the token's own."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cherrylab.cloud.errors import ForbiddenError, InvalidError

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

FIRST_TEAM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """`credit` is what is left on the account, in `currency`."""

    id: int
    name: str
    type: str = "business"
    currency: str = "EUR"
    credit: float = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamRequest:
    """What a client may say of a team; None is unsaid."""

    name: str | None = None
    type: str | None = None
    currency: str | None = None


def find(cloud: "Cloud", identity: int) -> Team:
    """ForbiddenError for a team that is not the token's: the API does not tell which there are."""
    team = cloud.store.teams.get(identity)
    if team is None:
        raise ForbiddenError("You do not have permission to access this team.")
    return team


def every(cloud: "Cloud") -> Iterable[Team]:
    return cloud.store.teams.all()


def create(cloud: "Cloud", request: TeamRequest) -> Team:
    if not request.name:
        raise InvalidError("name: This value should not be blank.")
    team = Team(id=cloud.store.teams.next_id(), name=request.name)
    return cloud.store.teams.put(_changed(team, request))


def update(cloud: "Cloud", identity: int, request: TeamRequest) -> Team:
    return cloud.store.teams.put(_changed(find(cloud, identity), request))


def delete(cloud: "Cloud", identity: int) -> None:
    team = find(cloud, identity)
    if any(project.team_id == team.id for project in cloud.store.projects.all()):
        raise InvalidError("Team has projects and can not be deleted.")
    cloud.store.teams.remove(team.id)


def seed(cloud: "Cloud") -> None:
    """The team that a new cloud starts with."""
    if not cloud.store.teams.all():
        cloud.store.teams.put(Team(id=cloud.store.teams.next_id(), name="rehearsal", currency=cloud.catalogue.currency))


def _changed(team: Team, request: TeamRequest) -> Team:
    return replace(
        team,
        name=request.name or team.name,
        type=request.type or team.type,
        currency=request.currency or team.currency,
    )
