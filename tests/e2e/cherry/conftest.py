"""A cloud with a small cluster in it, and the commands run against it in this process."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cherrylab.service import HIDDEN_VARIABLES
from nodeagent.cherry import api
from nodeagent.cherry.api import Patience
from nodeagent.cherry.pace import Pace
from nodeagent.cli.main import main
from tests.terraform.conftest import cloud, cloud_options  # noqa: F401
from tests.terraform.running_cloud import RunningCloud

DEPLOYMENT = "sol-1234"
CANARY = "canary-user-data-4711"
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        body: Json = json.loads(self.out)
        return body


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Two servers of one deployment, and the inventory that Terraform would print of them."""

    cloud: RunningCloud
    project: int
    servers: dict[str, Json]
    inventory: Path
    run: Callable[..., Run]

    def order(self, hostname: str, *, plan: str = "amd-epyc-7302p", **more: object) -> Json:
        return _order(self.cloud, self.project, hostname, plan, **more)

    def write_inventory(self, *hostnames: str) -> None:
        nodes = {name: _node(self.servers[name]) for name in hostnames}
        document = {"deployment_id": DEPLOYMENT, "environment": "vm", "nodes": nodes}
        self.inventory.write_text(json.dumps(document))

    def posts(self) -> list[str]:
        return [entry.path for entry in self.cloud.requests if entry.method == "POST" and "actions" in entry.path]


@pytest.fixture
def run(
    cloud: RunningCloud,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Run]:
    """`run("access")` is `nodeagent cherry access` at the cloud, without the pace and the patience of the real one."""
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    for name in HIDDEN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(api, "Pace", lambda: Pace(per_second=1000))
    monkeypatch.setattr(api, "Patience", lambda: Patience(first_wait_seconds=0.01, rate_wait_seconds=0.01))

    def run_(*arguments: object) -> Run:
        capsys.readouterr()
        code = main(["--color", "never", "cherry", *map(str, arguments)])
        said = capsys.readouterr()
        return Run(code=code, out=said.out, err=said.err)

    return run_


@pytest.fixture
def cluster(cloud: RunningCloud, run: Callable[..., Run], tmp_path: Path) -> Cluster:  # noqa: F811
    with cloud.client() as client:
        project = _ok(client.post("/teams/1/projects", json={"name": "validators"}))["id"]
    servers = {
        "cp-1": _order(cloud, project, "cp-1", "amd-epyc-7302p"),
        "val-1": _order(cloud, project, "val-1", "amd-epyc-9454p"),
    }
    made = Cluster(cloud=cloud, project=project, servers=servers, inventory=tmp_path / "inventory.json", run=run)
    made.write_inventory("cp-1", "val-1")
    return made


def _order(cloud_: RunningCloud, project: int, hostname: str, plan: str, **more: object) -> Json:
    body = {
        "project_id": project,
        "plan": plan,
        "hostname": hostname,
        "image": "debian_12_64bit",
        "region": "LT-Siauliai",
        "cycle": "monthly",
        "tags": {"deployment": DEPLOYMENT, "role": "control-plane"},
        "user_data": base64.b64encode(CANARY.encode()).decode(),
    } | more
    with cloud_.client() as client:
        return _ok(client.post(f"/projects/{project}/servers", json=body))


def _ok(answer: httpx.Response) -> Json:
    assert answer.is_success, answer.text
    body: Json = answer.json()
    return body


def _node(server: Json) -> Json:
    addresses = {one["type"]: one["address"] for one in server["ip_addresses"]}
    return {
        "role": server["tags"]["role"],
        "server_id": str(server["id"]),
        "hostname": server["hostname"],
        "plan": server["plan"]["slug"],
        "region": server["region"]["slug"],
        "image": server["deployed_image"]["slug"],
        "public_ip": addresses["primary-ip"],
        "private_ip": addresses["private-ip"],
        "tags": server["tags"],
    }
