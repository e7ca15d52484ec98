"""What a guest is made of for a plan, and where it is reached."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from cherrylab.drivers.driver import DriverError
from cherrylab.drivers.places import MOST_MACHINES, addresses_of, check_room, guest_number
from cherrylab.drivers.templates import data_drives_bytes, template_of
from cherrylab.guests.template import GIB, MOST_MEMORY_WITH_VFS_BYTES
from tests.unit.cherrylab.books import CATALOGUE

PLANS = {plan["slug"]: plan for plan in CATALOGUE.plans}


@pytest.mark.parametrize("slug", ["amd-epyc-9454p", "amd-epyc-9654"])
def test_a_validator_has_three_drives_and_its_card_on_the_second_node(slug: str) -> None:
    template = template_of(PLANS[slug])
    assert template.name == slug
    assert [(drive.role, drive.serial, drive.size_bytes // GIB, drive.node) for drive in template.drives] == [
        ("ledger", "LEDGER01", 15, 1),
        ("accounts", "ACCT01", 6, None),
        ("snapshots", "SNAP01", 2, None),
    ]
    assert len(template.nodes) == 2
    assert template.data_nic is not None
    assert template.data_nic.node == 1


def test_a_node_of_the_control_plane_is_small_and_has_its_system_drive_alone() -> None:
    template = template_of(PLANS["amd-epyc-7302p"])
    assert (template.drives, len(template.nodes), template.memory_bytes) == ((), 1, GIB)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_every_plan_of_the_catalogue_can_be_had(plan: dict[str, object]) -> None:
    template = template_of(plan)
    assert template.memory_bytes < MOST_MEMORY_WITH_VFS_BYTES
    assert len({drive.role for drive in template.drives}) == len(template.drives)


def test_drives_are_whole_and_none_is_nothing() -> None:
    storage = [
        {"count": 2, "size": 960, "unit": "GB"},
        {"count": 2, "size": 480, "unit": "GB"},
        {"count": 1, "size": 3.84, "unit": "TB"},
    ]
    assert data_drives_bytes({"specs": {"storage": storage}}) == [3 * GIB, GIB, GIB]


def test_ninety_nine_servers_in_a_row_have_addresses_of_their_own() -> None:
    found = [addresses_of(number) for number in range(900_001, 900_100)]
    told = {address for one in found for address in (one.public.address, one.private.address, one.bmc)}
    assert len(told) == 3 * 99
    for one in found:
        assert IPv4Address(one.public.address) in IPv4Network(one.public.cidr)
        assert IPv4Address(one.bmc) in IPv4Network(one.public.cidr)
        assert IPv4Address(one.private.address) in IPv4Network(one.private.cidr)
    assert guest_number(900_001) == guest_number(900_100)


def test_an_order_beyond_the_room_there_is_gets_refused() -> None:
    there = set(range(900_001, 900_001 + MOST_MACHINES))
    check_room(900_001, there=there)
    with pytest.raises(DriverError, match="room for 8 guests"):
        check_room(900_050, there=there)
    with pytest.raises(DriverError, match="server 900001 has the addresses"):
        check_room(900_100, there={900_001})
