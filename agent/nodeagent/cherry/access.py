"""The access check: does the token work, what does it see, how much may it spend and ask."""

from dataclasses import dataclass

from nodeagent.cherry.account import Team, teams_of
from nodeagent.cherry.api import Api
from nodeagent.cherry.pace import REQUESTS_PER_SECOND
from nodeagent.cherry.shape import text


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`requests_left` is None where the API doesn't tell; it documents `requests_per_second`."""

    user: str
    teams: tuple[Team, ...]
    requests_left: int | None
    requests_per_second: int = REQUESTS_PER_SECOND


def access(api: Api) -> Access:
    """Whose token it is and what it reaches; CherryError where it is refused."""
    user = api.get("/user")
    teams = teams_of(api)
    return Access(
        user=text(user, "email") or f"{text(user, 'first_name')} {text(user, 'last_name')}".strip(),
        teams=teams,
        requests_left=api.requests_left,
    )
