"""Resource and data source `cherryservers_ssh_key`."""

from tests.terraform.provider.cherryservers.api import Client, asked, read_or_gone
from tests.terraform.provider.diagnostics import DiagnosticError
from tests.terraform.provider.planning import Rules
from tests.terraform.provider.values import Object


class SshKey:
    """A public key that servers can be ordered with."""

    rules = Rules(kept=frozenset({"id", "created"}))

    def create(self, client: Client, planned: Object) -> Object:
        """POST, then GET."""
        body = {"label": planned["name"], "key": planned["public_key"].strip()}
        key = asked("Error creating SSH key", client, "POST", "ssh-keys", body)
        return _state(asked("Error reading SSH key", client, "GET", f"ssh-keys/{key['id']}"))

    def read(self, client: Client, state: Object) -> Object | None:
        """GET."""
        summary = "unable to read a CherryServers ssh_key resource"
        key = read_or_gone(client, f"ssh-keys/{state['id']}", summary=summary)
        return key and _state(key)

    def update(self, client: Client, prior: Object, planned: Object) -> Object:
        """PUT, then GET."""
        body = {"label": planned["name"], "key": planned["public_key"].strip()}
        asked("error updating SSH key", client, "PUT", f"ssh-keys/{prior['id']}", body)
        return _state(asked("error reading SSH key", client, "GET", f"ssh-keys/{prior['id']}"))

    def delete(self, client: Client, state: Object) -> None:
        """DELETE."""
        asked("error deleting SSH key", client, "DELETE", f"ssh-keys/{state['id']}")

    def imported(self, identifier: str) -> Object:
        """By number."""
        return {"id": identifier}


def look_up(client: Client, config: Object) -> Object:
    """Read one key by its number or its name, which must be the only one of that name."""
    summary = "unable to read a CherryServers SSH Key data source"
    if config["id"] is not None:
        return _state(asked(summary, client, "GET", f"ssh-keys/{config['id']}"))
    keys = asked(summary, client, "GET", "ssh-keys?fields=ssh_key,email")
    found = [key for key in keys if key["label"] == config["name"]]
    if len(found) != 1:
        raise DiagnosticError(summary, f'{len(found)} SSH keys are named "{config["name"]}", wanted one')
    return _state(found[0])


def _state(key: Object) -> Object:
    return {
        "id": str(key["id"]),
        "name": key["label"],
        "public_key": key["key"],
        **{name: key.get(name, "") for name in ("fingerprint", "created", "updated")},
    }
