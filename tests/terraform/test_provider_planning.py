"""The stand-in plans as the real plugin does: what is kept, replaced, reinstalled and known only after apply."""

from pathlib import Path

import pytest

from tests.terraform.provider import cherryservers
from tests.terraform.provider.cherryservers.precision import float32, whole
from tests.terraform.provider.cherryservers.project import Project
from tests.terraform.provider.cherryservers.server import Server
from tests.terraform.provider.planning import Plan, plan
from tests.terraform.provider.schema import complete, load, message
from tests.terraform.provider.values import UNKNOWN, Object, decode, encode

SCHEMA = load(Path(cherryservers.__file__).with_name("schema.json"))
SERVER = SCHEMA.resources["cherryservers_server"]
CONFIG = complete(
    SERVER,
    {
        "plan": "amd-epyc-7302p",
        "project_id": 1,
        "region": "LT-Siauliai",
        "hostname": "control-1",
        "ssh_key_ids": ["1", "2"],
        "user_data": "IyE=",
    },
)
STATE: Object = CONFIG | {
    "id": "7",
    "name": "EPYC 7302P",
    "image": "ubuntu_24_04_64bit",
    "ssh_key_ids": ["2", "1"],
    "tags": {},
    "spot_instance": False,
    "allow_reinstall": False,
    "power_state": "on",
    "state": "active",
    "ip_addresses": [{"id": "a", "type": "primary-ip", "address": "192.0.2.1", "address_family": 4, "cidr": "x"}],
    "pricing": {"price": 0.25, "currency": "EUR"},
}
COMPUTED = {"id", "name", "image", "power_state", "state", "ip_addresses", "pricing"}


def planned(changes: Object) -> Plan:
    """The plan for a change of the configuration, with the state that Terraform proposes for it."""
    config = CONFIG | changes
    proposed = STATE | {name: value for name, value in config.items() if value is not None}
    return plan(SERVER, Server.rules, config=config, prior=STATE, proposed=proposed)


def test_a_create_knows_what_is_configured_and_the_defaults() -> None:
    state = plan(SERVER, Server.rules, config=CONFIG, prior=None, proposed=CONFIG).state or {}
    assert {name for name, value in state.items() if value is UNKNOWN} == COMPUTED
    assert (state["tags"], state["spot_instance"], state["allow_reinstall"]) == ({}, False, False)


def test_the_same_configuration_changes_nothing_whatever_the_order_of_a_set() -> None:
    assert planned({}) == Plan(state=STATE | {"ssh_key_ids": ["1", "2"]})


def test_an_update_keeps_everything_but_the_price() -> None:
    result = planned({"tags": {"role": "validator"}})
    assert result.replaces == result.reinstalls == ()
    assert result.state == STATE | {
        "ssh_key_ids": ["1", "2"],
        "tags": {"role": "validator"},
        "pricing": UNKNOWN,
    }


@pytest.mark.parametrize("name", ["plan", "region", "cycle", "discount_code"])
def test_what_can_only_be_ordered_anew(name: str) -> None:
    assert planned({name: "other"}).replaces == (name,)


@pytest.mark.parametrize(
    ("name", "value"),
    [("image", "debian_12_64bit"), ("user_data", "IyEv"), ("ssh_key_ids", ["3"]), ("os_partition_size", 40)],
)
def test_what_wipes_the_machine_is_an_update_in_place_with_a_warning(name: str, value: object) -> None:
    result = planned({name: value})
    assert (result.replaces, result.reinstalls) == ((), (name,))
    assert result.state is not None
    assert result.state["ip_addresses"] is UNKNOWN


def test_a_destroy_plans_nothing() -> None:
    assert plan(SERVER, Server.rules, config=CONFIG, prior=STATE, proposed=None) == Plan(state=None)


def test_a_project_keeps_the_number_inside_its_default() -> None:
    block = SCHEMA.resources["cherryservers_project"]
    config = complete(block, {"name": "new", "team_id": 1})
    prior = {"name": "old", "team_id": 1, "id": "9", "bgp": {"enabled": False, "local_asn": 0}}
    result = plan(block, Project.rules, config=config, prior=prior, proposed=prior | {"name": "new"})
    assert result == Plan(state=prior | {"name": "new"})


def test_every_rule_names_an_attribute_of_the_schema() -> None:
    for type_name, resource in cherryservers.PROVIDER.resources.items():
        rules = resource.rules
        named = {*rules.defaults, *rules.replacing, *rules.reinstalling, *rules.renewed_by_reinstall}
        named |= {path.partition(".")[0] for path in rules.kept} | {name for pair in rules.conflicts for name in pair}
        assert named <= SCHEMA.resources[type_name].attributes.keys()


def test_everything_in_the_schema_has_code_behind_it() -> None:
    assert cherryservers.PROVIDER.resources.keys() == SCHEMA.resources.keys()
    assert cherryservers.PROVIDER.data_sources.keys() == SCHEMA.data_sources.keys()


def test_the_message_of_a_schema_keeps_every_attribute() -> None:
    attributes = {entry.name: entry for entry in message(SERVER).block.attributes}
    assert attributes.keys() == SERVER.attributes.keys()
    assert attributes["plan"].required
    assert [entry.name for entry in attributes["pricing"].nested_type.attributes] == ["currency", "price"]


def test_values_survive_the_wire_and_unknowns_stay_unknown() -> None:
    value = {"a": [1, "x", None, True], "b": UNKNOWN, "c": {"d": 0.5}}
    assert decode(encode(value)) == value
    assert decode(encode(None)) is None


def test_numbers_lose_what_the_real_plugin_loses() -> None:
    assert whole(3.84) == 3
    assert float32(0.536) == 0.5360000133514404
