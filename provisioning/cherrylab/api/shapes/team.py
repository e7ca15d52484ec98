"""A team in JSON, with what is left on its account and how long that lasts."""

from typing import TYPE_CHECKING

from cherrylab.api.endpoint import Json
from cherrylab.cloud import pricing, servers
from cherrylab.cloud.teams import Team

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

_HOURS = {"hourly": 1.0, "monthly": 730.0, "quarterly": 2_190.0, "semiannually": 4_380.0, "annually": 8_760.0}


def team_json(cloud: "Cloud", team: Team) -> Json:
    hourly = _hourly_cost(cloud, team)
    return {
        "id": team.id,
        "name": team.name,
        "credit": {
            "account": {"remaining": team.credit, "usage": hourly, "currency": team.currency},
            "promo": {"remaining": 0.0, "usage": 0.0, "currency": team.currency},
            "resources": {
                "pricing": {"price": hourly, "taxed": False, "currency": team.currency, "unit": "Hourly"},
                "remaining": {"time": int(team.credit / hourly) if hourly else 0, "unit": "Hours"},
            },
        },
        "billing": {
            "type": team.type,
            "company_name": team.name,
            "country_iso_2": "LT",
            "vat": {"amount": 0, "number": "", "valid": False},
            "currency": team.currency,
        },
        "href": f"/teams/{team.id}",
    }


def _hourly_cost(cloud: "Cloud", team: Team) -> float:
    """What all servers of a team cost in an hour."""
    own = {project.id for project in cloud.store.projects.all() if project.team_id == team.id}
    total = 0.0
    for server in cloud.store.servers.all():
        if server.project_id not in own:
            continue
        entry = pricing.price_of(servers.plan_of(cloud, server), cycle=server.cycle, spot=server.spot)
        total += entry["price"] / _HOURS[server.cycle] if entry else 0.0
    return round(total, 4)
