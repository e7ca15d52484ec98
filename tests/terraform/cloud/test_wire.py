"""The calls that the Terraform provider 1.5.3 makes, in its order, with its bodies: apply, second plan, destroy."""

import json

import httpx
import pytest

from tests.terraform.running_cloud import RunningCloud

pytestmark = pytest.mark.host

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/8YZ9kE1sQ7lCk3o4f1s3q8g9c0Qd0v0kqW6l1m2n3 test"


def _ok(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    document: dict[str, object] = answer.json()
    return document


def test_the_calls_of_an_apply_and_a_destroy(cloud: RunningCloud) -> None:
    with cloud.client() as client:
        plan = _ok(client.get("/plans/amd-epyc-9454p"), 200)
        key = _ok(client.post("/ssh-keys", json={"label": "ops", "key": f"{KEY}\n"}), 201)
        assert _ok(client.get(f"/ssh-keys/{key['id']}"), 200)["key"] == KEY
        project = _ok(client.post("/teams/1/projects", json={"name": "validators"}), 201)
        order = {
            "project_id": project["id"],
            "plan": "amd-epyc-9454p",
            "hostname": "validator-1",
            "image": "ubuntu_24_04_64bit",
            "region": "LT-Siauliai",
            "ssh_keys": [str(key["id"])],
            "tags": {"role": "validator"},
            "spot_market": False,
        }
        server = _ok(client.post(f"/projects/{project['id']}/servers", json=order), 201)
        path = f"/servers/{server['id']}"
        assert _ok(client.get(path, params={"fields": "state"}), 200) == {"state": "active"}
        assert _ok(client.get(path, params={"fields": "power"}), 200) == {"power": "on"}
        assert _ok(client.put(path, json={"bgp": False}), 201)["hostname"] == "validator-1"
        read = json.loads(client.get(path).text)
        images = json.loads(client.get("/plans/amd-epyc-9454p/images").text)
        assert {image["name"]: image["slug"] for image in images}[read["image"]] == order["image"]
        assert (read["plan"]["slug"], read["region"]["slug"]) == (order["plan"], order["region"])
        assert (read["project"]["id"], read["hostname"]) == (project["id"], order["hostname"])
        assert [str(one["id"]) for one in read["ssh_keys"]] == order["ssh_keys"]
        assert (read["tags"], read["spot_instance"], read["name"]) == (order["tags"], False, plan["name"])
        assert sorted(ip["type"] for ip in read["ip_addresses"]) == ["primary-ip", "private-ip"]
        for gone in (path, f"/ssh-keys/{key['id']}", f"/projects/{project['id']}"):
            answer = client.delete(gone)
            assert (answer.status_code, answer.content) == (204, b"")
    store = cloud.store
    assert (store.servers.all(), store.ips.all(), store.ssh_keys.all(), store.projects.all()) == ((), (), (), ())


def test_the_calls_for_a_floating_address(cloud: RunningCloud) -> None:
    with cloud.client() as client:
        project = _ok(client.post("/teams/1/projects", json={"name": "validators"}), 201)
        order = {"region": "LT-Siauliai", "targeted_to": "0", "a_record": "rpc", "ptr_record": "rpc.test", "tags": {}}
        ip = _ok(client.post(f"/projects/{project['id']}/ips", json=order), 201)
        read = _ok(client.get(f"/ips/{ip['id']}"), 200)
        assert read["a_record"] == "rpc.cloud.cherryservers.net."
        assert read["ptr_record"] == "rpc.test."
        assert read["targeted_to"] == {"id": 0}
        assert (read["type"], read["tags"]) == ("floating-ip", {})
        assert _ok(client.put(f"/ips/{ip['id']}", json={"targeted_to": "0"}), 200)["id"] == ip["id"]
        assert client.delete(f"/ips/{ip['id']}").status_code == 204
        assert client.get(f"/ips/{ip['id']}").status_code == 404


def test_tags_are_an_object_even_where_none_were_given(cloud: RunningCloud) -> None:
    with cloud.client() as client:
        project = _ok(client.post("/teams/1/projects", json={"name": "p"}), 201)
        order = {"plan": "e5_1650v4", "region": "LT-Siauliai"}
        server = _ok(client.post(f"/projects/{project['id']}/servers", json=order), 201)
        ip = _ok(client.post(f"/projects/{project['id']}/ips", json={"region": "LT-Siauliai"}), 201)
        assert (server["tags"], ip["tags"]) == ({}, {})
