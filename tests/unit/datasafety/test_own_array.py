"""Only an array that runs, and whose members' own superblocks prove that it was made here, is taken for a drive."""

from dataclasses import replace
from pathlib import Path

import pytest

from nodeagent.host.changes import observe
from nodeagent.host.datasafety import find_device, occupancy
from nodeagent.host.datasafety.own_array import array_refusals
from nodeagent.host.datasafety.refusal import Reason
from nodeagent.model.array_change import MakeArray, array_identity, array_uuid, array_wwn, member_order
from nodeagent.model.change import DeviceIdentity
from tests.fixtures.raid_superblock import Superblock
from tests.unit.datasafety.trees import Machine

CHUNK = 512 * 1024
NAMES = ("nvme1n1", "nvme2n1")
SERIALS = ("B2", "A1")
OTHERS = "11111111-2222-3333-4444-555555555555"


class ArrayMachine:
    """Two drives and md127 of them, as an apply leaves it."""

    def __init__(self, root: Path) -> None:
        self.machine = Machine.build(root)
        for at, (name, serial) in enumerate(zip(NAMES, SERIALS, strict=True)):
            self.machine.drive(name, f"259:{at + 1}", serial=serial)
            self.machine.tree.directory(f"/sys/block/{name}/holders/md127")
        self.uuid = array_uuid(self.members, chunk_bytes=CHUNK)
        self.machine.drive("md127", "9:127", sectors=1900)
        for name in NAMES:
            self.machine.tree.directory(f"/sys/block/md127/slaves/{name}")
        self.sysfs(level="raid0", metadata_version="1.2", array_state="clean", raid_disks="2")
        for at, name in enumerate(reversed(NAMES)):
            self.carry(name, Superblock(uuid=self.uuid, role=at))

    @property
    def members(self) -> tuple[DeviceIdentity, ...]:
        members = (self.machine.device(name).identity for name in NAMES)
        return tuple(sorted(members, key=member_order))

    def sysfs(self, **knobs: str) -> None:
        self.machine.tree.files("/sys/block/md127/md", knobs)

    def carry(self, name: str, superblock: Superblock) -> None:
        self.machine.tree.file(f"/dev/{name}", superblock.drive())

    def reasons(self) -> list[str]:
        return [refusal.reason for refusal in array_refusals(self.machine.host, "md127")]


@pytest.fixture
def made(tmp_path: Path) -> ArrayMachine:
    return ArrayMachine(tmp_path)


def test_an_array_that_was_made_here_is_a_drive(made: ArrayMachine) -> None:
    assert made.reasons() == []
    found = occupancy(made.machine.host, made.machine.device("md127"))
    assert [refusal.id for refusal in found.refusals] == [Reason.CONTENT_UNKNOWN.value]


def test_it_is_found_by_its_uuid_whatever_size_was_planned(made: ArrayMachine) -> None:
    assert find_device(made.machine.host, array_identity(made.uuid, name="md/x", size_bytes=5)).name == "md127"
    assert made.machine.device("md127").wwn == array_wwn(made.uuid)


@pytest.mark.parametrize("state", ["broken", "inactive", "clear", "readonly", "suspended", ""])
def test_an_array_that_does_not_run_is_refused(state: str, made: ArrayMachine) -> None:
    made.sysfs(array_state=state)
    assert "does not run" in made.reasons()[0]


@pytest.mark.parametrize(
    "knobs",
    [
        {"level": "raid1"},
        {"level": "linear"},
        {"level": ""},
        {"metadata_version": "0.90"},
        {"metadata_version": "none"},
    ],
    ids=str,
)
def test_an_array_of_another_kind_is_refused(knobs: dict[str, str], made: ArrayMachine) -> None:
    made.sysfs(**knobs)
    assert "sysfs says level" in made.reasons()[0]


def test_an_array_that_lacks_a_member_is_refused(made: ArrayMachine) -> None:
    made.sysfs(raid_disks="3")
    assert made.reasons() == [
        "md127 is no array that was made here: 2 of its 3 members are there",
    ]


def test_an_array_of_others_is_refused_whatever_it_is_called(made: ArrayMachine) -> None:
    for at, name in enumerate(reversed(NAMES)):
        made.carry(name, Superblock(uuid=OTHERS, role=at))
    assert "ours of these drives would be" in made.reasons()[0]


def test_our_uuid_on_other_drives_is_refused(made: ArrayMachine) -> None:
    made.machine.tree.file("/sys/block/nvme1n1/device/serial", "C3")
    assert "ours of these drives would be" in made.reasons()[0]


def test_another_chunk_than_the_uuid_was_made_with_is_refused(made: ArrayMachine) -> None:
    for at, name in enumerate(reversed(NAMES)):
        made.carry(name, Superblock(uuid=made.uuid, role=at, chunk_bytes=65536))
    assert "ours of these drives would be" in made.reasons()[0]


@pytest.mark.parametrize("change", [{"role": 0}, {"level": 1}, {"devices": 3}, {"uuid": OTHERS}])
def test_a_member_that_says_something_else_is_refused(change: dict[str, int | str], made: ArrayMachine) -> None:
    made.carry(NAMES[0], replace(Superblock(uuid=made.uuid, role=1), **change))  # type: ignore[arg-type]
    assert len(made.reasons()) == 1


def test_a_member_without_a_superblock_is_refused(made: ArrayMachine) -> None:
    made.machine.tree.file("/dev/nvme2n1", bytes(8192))
    assert made.reasons()[0].endswith("nvme2n1 carries no superblock of version 1.2")


def test_a_member_that_cannot_be_read_is_refused(made: ArrayMachine) -> None:
    (made.machine.root / "dev/nvme2n1").unlink()
    assert "nvme2n1 can't be read" in made.reasons()[0]


def test_a_member_without_an_identity_is_refused(made: ArrayMachine) -> None:
    (made.machine.root / "sys/block/nvme1n1/device/serial").unlink()
    assert made.reasons()[0].endswith("nvme1n1 can't be told from other drives")


def test_its_members_stay_refused(made: ArrayMachine) -> None:
    found = occupancy(made.machine.host, made.machine.device("nvme1n1"))
    assert Reason.HELD.value in [refusal.id for refusal in found.refusals]


def test_a_refused_array_is_told_as_no_drive_and_as_built_on_others(made: ArrayMachine) -> None:
    made.sysfs(array_state="broken")
    found = occupancy(made.machine.host, made.machine.device("md127"))
    assert {Reason.WRONG_KIND.value, Reason.STACKED.value} <= {refusal.id for refusal in found.refusals}


def change(made: ArrayMachine) -> MakeArray:
    return MakeArray(
        key="array", tunable="filesystem", members=made.members, uuid=made.uuid, name="mnt-ledger", chunk_bytes=CHUNK
    )


def test_an_array_that_runs_is_observed_as_made(made: ArrayMachine) -> None:
    planned = change(made)
    assert observe(made.machine.host, planned).state == planned.after_state()


def test_an_array_of_others_is_observed_as_unknown(made: ArrayMachine) -> None:
    planned = replace(change(made), uuid=OTHERS)
    assert observe(made.machine.host, planned).state != planned.after_state()
    made.sysfs(level="raid5")
    assert observe(made.machine.host, change(made)).state == "unknown NA-DISK-009"


def test_a_drive_that_is_gone_is_observed_as_gone(made: ArrayMachine) -> None:
    planned = change(made)
    made.machine.tree.file("/sys/block/nvme1n1/device/serial", "C3")
    found = observe(made.machine.host, planned)
    assert (found.gone, found.state) == (True, "unknown NA-DISK-010")
