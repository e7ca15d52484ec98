"""A sample of each campaign that needs a machine; `make campaign-lab` runs them in full."""

from collections.abc import Iterator

import pytest

from cherrylab.guests.guest import Guest
from cherrylab.guests.lab import Lab
from tests.lab.campaigns import power_cuts, reboots, unplugs, uplinks
from tests.lab.campaigns.machine import Machine, Tally, settled

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]

_SEED = 4


@pytest.fixture(scope="module")
def machine(lab: Lab) -> Iterator[Machine]:
    with settled(lab) as machine:
        yield machine


@pytest.fixture(autouse=True)
def as_if_new(machine: Machine) -> None:
    machine.forget()


def _is_clean(tally: Tally) -> None:
    print(tally.total())
    assert tally.faults == []


def test_c5_a_power_cut_in_an_apply_loses_nothing(machine: Machine) -> None:
    tally = Tally(name="C5 power cuts in apply")
    power_cuts.cut_applies(machine, cuts=10, seed=_SEED, tally=tally)
    assert tally.figures["power cuts in apply"] == 10
    assert tally.figures.get("between its steps", 0) > 0
    _is_clean(tally)


def test_c5_a_power_cut_in_mkfs_makes_no_drive_twice(machine: Machine) -> None:
    tally = Tally(name="C5 power cuts in mkfs")
    power_cuts.cut_filesystems(machine, cuts=5, seed=_SEED, tally=tally)
    assert tally.figures["power cuts in mkfs"] == 5
    _is_clean(tally)


def test_c6_a_reboot_ends_the_settings_of_the_kernel_and_nothing_else(machine: Machine) -> None:
    tally = Tally(name="C6 reboots")
    reboots.reboot_in_the_middle(machine, rounds=2, seed=_SEED, tally=tally)
    assert tally.figures["stale writes"] == 0
    _is_clean(tally)


def test_c14_a_drive_that_goes_in_a_benchmark_leaves_no_bogus_sample(machine: Machine) -> None:
    tally = Tally(name="C14 drives")
    unplugs.unplug_the_drive(machine, rounds=2, seed=_SEED, tally=tally)
    assert tally.figures["drives unplugged in a benchmark"] == 2
    _is_clean(tally)


def test_c14_a_nic_that_goes_is_an_orphan_and_planned_again(machine: Machine) -> None:
    tally = Tally(name="C14 NICs")
    unplugs.unplug_the_nic(machine, rounds=3, seed=_SEED, tally=tally)
    assert tally.figures["NICs unplugged"] == 3
    _is_clean(tally)


def test_c20_a_port_goes_from_plan_to_rollback_and_comes_back_by_itself(machine: Machine, peer: Guest) -> None:
    tally = Tally(name="C20 uplinks")
    uplinks.go_round(machine, rounds=1, tally=tally)
    uplinks.cut_the_uplink(machine, peer, rounds=5, seed=_SEED, tally=tally)
    assert tally.figures["uplinks cut"] == 5
    _is_clean(tally)
