"""What Terraform knows, in each form in which it prints it; and answers of odd shapes."""

import contextlib
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.cherry.account import Project
from nodeagent.cherry.api import Api, CherryError
from nodeagent.cherry.inventory import parse_inventory
from nodeagent.cherry.pace import Pace
from nodeagent.cherry.secret import Secret
from nodeagent.cherry.server import servers_of
from nodeagent.model.errors import NodeagentError

TAGS = {"deployment": "sol-1", "role": "validator"}
NODE = {"server_id": 7, "hostname": "val-1", "plan": "p", "region": "r", "image": "i", "public_ip": "192.0.2.1"}
NODE |= {"private_ip": "10.0.0.7", "tags": TAGS}
VALUE = {"deployment_id": "sol-1", "environment": "vm", "nodes": {"val-1": NODE}}
ATTRIBUTES = {
    "id": "7",
    "hostname": "val-1",
    "plan": "p",
    "region": "r",
    "image": "i",
    "tags": TAGS,
    "user_data": "c2VjcmV0",
    "ip_addresses": [
        {"type": "primary-ip", "address": "192.0.2.1"},
        {"type": "private-ip", "address": "10.0.0.7"},
    ],
}
SERVER = {"type": "cherryservers_server", "mode": "managed", "values": ATTRIBUTES}
SHOWN = {
    "format_version": "1.0",
    "values": {"root_module": {"child_modules": [{"child_modules": [{"resources": [SERVER]}]}]}},
}
KEPT = {
    "version": 4,
    "resources": [
        {"type": "cherryservers_server", "mode": "managed", "instances": [{"attributes": ATTRIBUTES}]},
        {"type": "cherryservers_server", "mode": "data", "instances": [{"attributes": {"id": "9"}}]},
        {"type": "cherryservers_project", "mode": "managed", "instances": [{"attributes": {"id": "1"}}]},
    ],
}


@pytest.mark.parametrize(
    "document",
    [VALUE, {"inventory": {"sensitive": False, "value": VALUE}}, SHOWN, KEPT],
    ids=["value", "outputs", "show", "state"],
)
def test_every_form_says_the_same(document: dict[str, Any]) -> None:
    inventory = parse_inventory(json.dumps(document), where="x.json")
    assert inventory.deployment_id == "sol-1"
    (server,) = inventory.servers
    assert (server.server_id, server.hostname, server.plan) == ("7", "val-1", "p")
    assert (server.public_ip, server.private_ip, server.tags) == ("192.0.2.1", "10.0.0.7", TAGS)
    assert "c2VjcmV0" not in repr(inventory)


@pytest.mark.parametrize("empty", [{"format_version": "1.0"}, {"version": 4, "resources": []}])
def test_an_empty_state_knows_no_server(empty: dict[str, Any]) -> None:
    assert parse_inventory(json.dumps(empty), where="x.json").servers == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", "7", "[" * 100_000])
def test_what_is_no_inventory_is_refused(text: str) -> None:
    with pytest.raises(NodeagentError, match=r"x\.json") as caught:
        parse_inventory(text, where="x.json")
    assert "terraform output -json" in str(caught.value.remedy)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=12), inside, max_size=4),
    max_leaves=12,
)


@given(st.fixed_dictionaries({}, optional={"nodes": _json, "inventory": _json, "values": _json, "resources": _json}))
def test_no_json_crashes_the_inventory(document: dict[str, object]) -> None:
    with contextlib.suppress(NodeagentError):
        assert parse_inventory(json.dumps(document), where="x.json").ids is not None


@given(
    st.fixed_dictionaries(
        {"id": st.integers() | _json},
        optional=dict.fromkeys(["hostname", "plan", "tags", "ip_addresses", "pricing", "traffic_used_bytes"], _json),
    )
)
def test_no_answer_crashes_the_servers(answer: dict[str, object]) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=json.dumps([answer])))
    with Api(Secret("t"), transport=transport, pace=Pace(per_second=10_000)) as api, contextlib.suppress(CherryError):
        (server,) = servers_of(api, [Project(id=1, name="p", team_id=1)])
        assert server.hostname.isprintable()
