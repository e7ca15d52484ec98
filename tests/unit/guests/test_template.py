"""Machines as data."""

from dataclasses import replace

import pytest

from cherrylab.cli import _TEMPLATES
from cherrylab.guests.template import GIB, TEMPLATES, VALIDATOR, WORKBENCH, NumaNode


def test_drives_in_other_slots_are_the_same_drives() -> None:
    moved = VALIDATOR.with_drives_in_order(["snapshots", "ledger", "accounts"])
    assert [drive.role for drive in moved.drives] == ["snapshots", "ledger", "accounts"]
    assert set(moved.drives) == set(VALIDATOR.drives)
    assert moved.nodes == VALIDATOR.nodes


@pytest.mark.parametrize("roles", [["ledger"], ["ledger", "ledger", "accounts"], ["ledger", "accounts", "swap"], []])
def test_an_order_that_is_not_of_all_drives_is_refused(roles: list[str]) -> None:
    with pytest.raises(ValueError, match="validator has the drives accounts, ledger, snapshots"):
        VALIDATOR.with_drives_in_order(roles)


def test_the_workbench_is_the_validator_and_more() -> None:
    assert WORKBENCH.drives[:3] == VALIDATOR.drives
    assert any(drive.iops_limit for drive in WORKBENCH.drives)
    assert any(drive.bad_sector for drive in WORKBENCH.drives)
    assert WORKBENCH.data_nic == VALIDATOR.data_nic


def test_serials_and_roles_of_a_machine_are_its_own() -> None:
    for template in TEMPLATES.values():
        for names in ([drive.serial for drive in template.drives], [drive.role for drive in template.drives]):
            assert len(names) == len(set(names)), template.name


def test_the_command_offers_every_template() -> None:
    assert sorted(_TEMPLATES) == sorted(TEMPLATES)


def test_memory_above_which_no_vf_answers_is_refused() -> None:
    with pytest.raises(
        ValueError, match="workbench: the VFs of its NIC work with less than 2816 MiB of memory; got 4096"
    ):
        replace(WORKBENCH, nodes=(NumaNode(cpus=2, memory_bytes=4 * GIB),))
    assert replace(WORKBENCH, nodes=(NumaNode(cpus=2, memory_bytes=4 * GIB),), data_nic=None).memory_bytes == 4 * GIB
