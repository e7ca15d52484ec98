"""Whose token it is, and which teams and projects it sees."""

from collections.abc import Sequence
from dataclasses import dataclass

from nodeagent.cherry.api import Api, Json
from nodeagent.cherry.shape import number, optional_number, part, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project: servers are bought in one, and share its private network."""

    id: int
    name: str
    team_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team pays. `credit` is what is left on its account, `usage` what it uses an hour; None where untold."""

    id: int
    name: str
    currency: str
    credit: float | None
    usage: float | None
    projects: tuple[Project, ...]


def teams_of(api: Api) -> tuple[Team, ...]:
    """Every team of the token with its projects: one request, and one more a team."""
    return tuple(_team(api, answer) for answer in api.get_list("/teams"))


def projects_of(api: Api, wanted: Sequence[int]) -> tuple[Project, ...]:
    """The projects of these numbers, or all that the token sees."""
    if wanted:
        return tuple(_project(api.get(f"/projects/{number_}"), team_id=0) for number_ in wanted)
    return tuple(project for team in teams_of(api) for project in team.projects)


def _team(api: Api, answer: Json) -> Team:
    id_ = number(answer, "id", "GET /teams")
    credit = part(answer, "credit")
    account = part(credit, "account")
    left = [optional_number(part(credit, name), "remaining") for name in ("account", "promo")]
    known = [amount for amount in left if amount is not None]
    return Team(
        id=id_,
        name=text(answer, "name"),
        currency=text(account, "currency") or text(part(answer, "billing"), "currency"),
        credit=sum(known) if known else None,
        usage=optional_number(account, "usage"),
        projects=tuple(_project(one, team_id=id_) for one in api.get_list(f"/teams/{id_}/projects")),
    )


def _project(answer: Json, *, team_id: int) -> Project:
    return Project(id=number(answer, "id", "GET /projects"), name=text(answer, "name"), team_id=team_id)
