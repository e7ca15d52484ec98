"""A sample of each campaign that needs a machine; `make campaign-lab` runs them in full.

The samples are as small as they can be with every kind of strike in them: each power cut and each reboot costs a boot,
and all tests in guests are to be through within 25 minutes.
"""

from collections.abc import Iterator

import pytest

from cherrylab.guests.guest import Guest
from cherrylab.guests.lab import Lab
from tests.lab.campaigns import power_cuts, reboots, unplugs, uplinks
from tests.lab.campaigns.machine import Machine, Tally, settled

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]

_SEED = 4
_CUTS_IN_APPLY = 3
"""One in each third of the steps; the last is in a confirm window, the second is mounted by the next boot."""
_CUTS_IN_MKFS = 2
_REBOOTS = 2
"""One with a killed apply, one with an unconfirmed one."""
_DRIVES = 1
_NICS = 3
"""In an apply, before it, and after it."""
_UPLINKS = 2
"""One cut by the MTU, one by the cable."""


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
    power_cuts.cut_applies(machine, cuts=_CUTS_IN_APPLY, seed=_SEED, tally=tally)
    assert tally.figures["power cuts in apply"] == _CUTS_IN_APPLY
    assert tally.figures.get("between its steps", 0) > 0
    _is_clean(tally)


def test_c5_a_power_cut_in_mkfs_makes_no_drive_twice(machine: Machine) -> None:
    tally = Tally(name="C5 power cuts in mkfs")
    power_cuts.cut_filesystems(machine, cuts=_CUTS_IN_MKFS, seed=_SEED, tally=tally)
    assert tally.figures["power cuts in mkfs"] == _CUTS_IN_MKFS
    _is_clean(tally)


def test_c6_a_reboot_ends_the_settings_of_the_kernel_and_nothing_else(machine: Machine) -> None:
    tally = Tally(name="C6 reboots")
    reboots.reboot_in_the_middle(machine, rounds=_REBOOTS, seed=_SEED, tally=tally)
    assert tally.figures["stale writes"] == 0
    _is_clean(tally)


def test_c14_a_drive_that_goes_in_a_benchmark_leaves_no_bogus_sample(machine: Machine) -> None:
    tally = Tally(name="C14 drives")
    unplugs.unplug_the_drive(machine, rounds=_DRIVES, seed=_SEED, tally=tally)
    assert tally.figures["drives unplugged in a benchmark"] == _DRIVES
    _is_clean(tally)


def test_c14_a_nic_that_goes_is_an_orphan_and_planned_again(machine: Machine) -> None:
    tally = Tally(name="C14 NICs")
    unplugs.unplug_the_nic(machine, rounds=_NICS, seed=_SEED, tally=tally)
    assert tally.figures["NICs unplugged"] == _NICS
    _is_clean(tally)


def test_c20_a_port_goes_from_plan_to_rollback_and_comes_back_by_itself(machine: Machine, peer: Guest) -> None:
    tally = Tally(name="C20 uplinks")
    uplinks.go_round(machine, rounds=1, tally=tally)
    uplinks.cut_the_uplink(machine, peer, rounds=_UPLINKS, seed=_SEED, tally=tally)
    assert tally.figures["uplinks cut"] == _UPLINKS
    _is_clean(tally)
