"""What most tests of the cloud begin with: a project, and servers in it, by plain requests."""

from dataclasses import dataclass
from typing import Any

import httpx

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """One project of a cloud, over a client that has the token."""

    client: httpx.Client
    project: int

    @classmethod
    def open(cls, client: httpx.Client) -> "Account":
        project = client.post("/teams/1/projects", json={"name": "validators"})
        return cls(client, project.json()["id"])

    def order(self, *, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
        """A small server, unless `changes` say otherwise."""
        body = {"plan": "e5_1650v4", "region": "LT-Siauliai", "hostname": "node-1"} | changes
        return self.client.post(f"/projects/{self.project}/servers", json=body, headers=headers)

    def server(self, **changes: Any) -> Json:
        answer = self.order(**changes)
        assert answer.status_code == 201, answer.text
        shown: Json = self.client.get(f"/servers/{answer.json()['id']}").json()
        return shown

    def show(self, number: int, **query: str) -> Json:
        shown: Json = self.client.get(f"/servers/{number}", params=query).json()
        return shown

    def act(self, number: int, **body: Any) -> httpx.Response:
        return self.client.post(f"/servers/{number}/actions", json=body)

    def refused(self, answer: httpx.Response, code: int) -> str:
        """The message of a refusal, in the API's shape."""
        document = answer.json()
        assert answer.status_code == code, answer.text
        assert document.keys() == {"code", "message"}
        assert document["code"] == code
        return str(document["message"])
