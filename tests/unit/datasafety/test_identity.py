"""A drive is told by what lasts, and by nothing else."""

from dataclasses import replace

import pytest

from nodeagent.host.datasafety import NotSafeError, Reason, claim, find_device, occupancy
from nodeagent.model.change import DeviceIdentity
from tests.unit.datasafety.trees import Machine


def ids(machine: Machine, name: str = "nvme0n1") -> set[str]:
    host = machine.host
    return {refusal.id for refusal in occupancy(host, machine.device(name)).refusals}


def test_a_drive_without_anything_that_lasts_is_refused(machine: Machine) -> None:
    machine.drive("vda", "254:0")
    assert Reason.NO_IDENTITY.value in ids(machine, "vda")


def test_two_drives_with_one_serial_are_both_refused(machine: Machine) -> None:
    machine.drive("nvme1n1", "259:7", serial="S1")
    assert Reason.NOT_UNIQUE.value in ids(machine)
    assert Reason.NOT_UNIQUE.value in ids(machine, "nvme1n1")


def test_namespaces_of_one_serial_are_told_apart_by_their_wwn(machine: Machine) -> None:
    machine.drive("nvme1n1", "259:7", serial="S9", wwid="eui.0001")
    machine.drive("nvme1n2", "259:8", serial="S9", wwid="eui.0002")
    assert Reason.NOT_UNIQUE.value not in ids(machine, "nvme1n1")


def test_a_drive_of_which_only_half_is_known_is_no_other_drive(machine: Machine) -> None:
    """The one shows serial and wwn, the other, a second path to it, only the serial."""
    machine.drive("nvme1n1", "259:7", serial="S9", wwid="eui.0001")
    machine.drive("sdb", "8:16", serial="S9")
    assert Reason.NOT_UNIQUE.value in ids(machine, "nvme1n1")


def test_a_partition_is_no_drive(machine: Machine) -> None:
    machine.partition("nvme0n1p1", "259:1")
    part = replace(machine.device(), name="nvme0n1p1", major_minor="259:1")
    found = {refusal.id for refusal in occupancy(machine.host, part).refusals}
    assert Reason.NOT_A_WHOLE_DRIVE.value in found


def test_a_drive_that_changed_since_it_was_looked_at_is_refused(machine: Machine) -> None:
    now = machine.device()
    earlier = {
        "serial": replace(now, serial="S0"),
        "wwn": replace(now, wwn="eui.0"),
        "size_bytes": replace(now, size_bytes=1),
        "major_minor": replace(now, major_minor="8:0"),
        "backing_file": replace(now, backing_file="/some.img"),
    }
    for what, before in earlier.items():
        changed = [found for found in occupancy(machine.host, before).refusals if found.id == Reason.CHANGED.value]
        assert [what in found.reason for found in changed] == [True]


def test_a_drive_that_is_gone_is_refused(machine: Machine) -> None:
    before = replace(machine.device(), name="nvme9n1")
    assert Reason.CHANGED.value in {refusal.id for refusal in occupancy(machine.host, before).refusals}


def test_a_drive_is_found_under_another_name(machine: Machine) -> None:
    identity = replace(machine.device().identity, name="sdz")
    assert find_device(machine.host, identity).name == "nvme0n1"


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        (DeviceIdentity(name="nvme0n1", size_bytes=512000), Reason.NO_IDENTITY),
        (DeviceIdentity(serial="S1", size_bytes=1), Reason.NOT_FOUND),
        (DeviceIdentity(serial="S1", wwn="eui.1", size_bytes=512000), Reason.NOT_FOUND),
        (DeviceIdentity(serial="S2", size_bytes=512000), Reason.NOT_FOUND),
    ],
)
def test_an_identity_that_fits_only_in_part_finds_nothing(
    identity: DeviceIdentity, reason: Reason, machine: Machine
) -> None:
    with pytest.raises(NotSafeError) as refused:
        find_device(machine.host, identity)
    assert refused.value.ids == (reason.value,)


def test_two_drives_of_one_identity_are_found_by_none(machine: Machine) -> None:
    machine.drive("nvme1n1", "259:7", serial="S1")
    with pytest.raises(NotSafeError) as refused:
        find_device(machine.host, machine.device().identity)
    assert refused.value.ids == (Reason.NOT_UNIQUE.value,)


def test_a_captured_tree_has_nothing_to_claim(machine: Machine) -> None:
    with pytest.raises(NotSafeError) as refused:
        claim(machine.host, machine.device())
    assert refused.value.ids == (Reason.CONTENT_UNKNOWN.value,)


def test_a_refusal_names_every_reason_and_every_remedy_once(machine: Machine) -> None:
    refusals = occupancy(machine.host, machine.device()).refusals
    error = NotSafeError("format it", [*refusals, *refusals])
    assert error.message.startswith("format it: NA-DISK-")
    assert type(error)("told again", remedy="do this").message == "told again"
