"""Resource and data source `cherryservers_project`."""

from tests.terraform.provider.cherryservers.api import Client, asked, read_or_gone
from tests.terraform.provider.diagnostics import DiagnosticError
from tests.terraform.provider.planning import Rules
from tests.terraform.provider.values import UNKNOWN, Object


class Project:
    """A project of a team."""

    rules = Rules(
        defaults={"bgp": {"enabled": False, "local_asn": UNKNOWN}},
        kept=frozenset({"id", "bgp.local_asn"}),
        replacing=frozenset({"team_id"}),
    )

    def create(self, client: Client, planned: Object) -> Object:
        """POST."""
        body: Object = {"name": planned["name"]}
        if planned["bgp"]["enabled"]:
            body["bgp"] = True
        summary = "unable to create a CherryServers project resource"
        project = asked(summary, client, "POST", f"teams/{planned['team_id']}/projects", body)
        return planned | _state(project)

    def read(self, client: Client, state: Object) -> Object | None:
        """GET."""
        summary = "unable to read a CherryServers project resource"
        project = read_or_gone(client, f"projects/{state['id']}", summary=summary)
        return project and state | _state(project)

    def update(self, client: Client, prior: Object, planned: Object) -> Object:
        """PUT."""
        body = {"name": planned["name"], "bgp": planned["bgp"]["enabled"]}
        summary = "unable to update a CherryServers project resource"
        return planned | _state(asked(summary, client, "PUT", f"projects/{prior['id']}", body))

    def delete(self, client: Client, state: Object) -> None:
        """DELETE."""
        asked("unable to delete a CherryServers project resource", client, "DELETE", f"projects/{state['id']}")

    def imported(self, identifier: str) -> Object:
        """`team_id,project_id`, since a project doesn't tell its team."""
        team, _, project = identifier.partition(",")
        if not team.isdecimal() or not project.isdecimal():
            detail = f'Expected import identifier with format: team_id,project_id. Got: "{identifier}"'
            raise DiagnosticError("Unexpected Import Identifier", detail)
        return {"team_id": int(team), "id": project}


def look_up(client: Client, config: Object) -> Object:
    """Read one project by its number."""
    summary = "Error: unable to read a CherryServers project data source"
    project = asked(summary, client, "GET", f"projects/{config['id']}")
    return _state(project) | {"id": project["id"]}


def _state(project: Object) -> Object:
    bgp = project.get("bgp") or {}
    return {
        "id": str(project["id"]),
        "name": project["name"],
        "bgp": {"enabled": bgp.get("enabled", False), "local_asn": bgp.get("local_asn", 0)},
    }
