"""Every use of a drive that the kernel shows is a reason, and so is everything that it does not show."""

import pytest

from nodeagent.model.occupancy import Reason
from tests.unit.datasafety.trees import ROOT_MOUNT, Machine

UNKNOWN = Reason.CONTENT_UNKNOWN.value


def test_of_an_unused_drive_only_the_content_is_unknown_on_a_captured_tree(machine: Machine) -> None:
    assert set(machine.reasons()) == {UNKNOWN}


def test_partitions_are_named(machine: Machine) -> None:
    machine.partition("nvme0n1p1", "259:1")
    assert machine.reasons()[Reason.PARTITIONED.value] == "nvme0n1 has partitions: nvme0n1p1"


@pytest.mark.parametrize("member", ["nvme0n1", "nvme0n1/nvme0n1p1"])
def test_a_holder_of_the_drive_or_of_a_partition_is_named(member: str, machine: Machine) -> None:
    machine.partition("nvme0n1p1", "259:1")
    machine.tree.directory(f"/sys/block/{member}/holders/dm-0")
    machine.tree.file("/sys/block/dm-0/dm/name", "vg-ledger")
    assert machine.reasons()[Reason.HELD.value] == f"{member.rpartition('/')[2]} is part of dm-0 (vg-ledger)"


def test_a_path_of_a_multipath_device_is_named(machine: Machine) -> None:
    machine.tree.directory("/sys/block/nvme0n1/holders/dm-3")
    machine.tree.files("/sys/block/dm-3/dm", {"name": "mpatha", "uuid": "mpath-3600"})
    assert "multipath dm-3 (mpatha)" in machine.reasons()[Reason.HELD.value]


def test_a_raid_member_is_named(machine: Machine) -> None:
    machine.tree.directory("/sys/block/nvme0n1/holders/md127")
    machine.tree.file("/sys/block/md127/md/level", "raid1")
    assert "md127 (raid1)" in machine.reasons()[Reason.HELD.value]


def test_a_stacked_device_is_no_drive(machine: Machine) -> None:
    machine.tree.directory("/sys/block/nvme0n1/slaves/nvme5n1")
    assert Reason.STACKED.value in machine.reasons()


@pytest.mark.parametrize(
    "line",
    [
        "/dev/nvme0n1                            partition\t65532\t0\t-2",
        "/dev/nvme0n1p1 partition 65532 0 -2",
        "/dev/nvme0n1p1\\040(deleted) partition 65532 0 -2",
    ],
)
def test_swap_on_the_drive_or_a_partition_is_named(line: str, machine: Machine) -> None:
    machine.partition("nvme0n1p1", "259:1")
    machine.tree.file("/proc/swaps", f"Filename\tType\tSize\tUsed\tPriority\n{line}")
    assert Reason.SWAP.value in machine.reasons()


def test_swap_on_another_drive_is_none_of_its_business(machine: Machine) -> None:
    machine.tree.file("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 1 0 -2")
    assert set(machine.reasons()) == {UNKNOWN}


def test_swaps_that_cannot_be_read_are_an_unknown(machine: Machine) -> None:
    machine.unreadable["/proc/swaps"] = "EACCES"
    assert Reason.USERS_UNKNOWN.value in machine.reasons()


def test_a_member_of_a_mounted_btrfs_is_named(machine: Machine) -> None:
    uuid = "11111111-2222-3333-4444-555555555555"
    machine.tree.directory(f"/sys/fs/btrfs/{uuid}/devices/nvme0n1")
    assert uuid in machine.reasons()[Reason.BTRFS_MEMBER.value]


def test_a_mount_in_our_namespace_is_named_with_its_place(machine: Machine) -> None:
    machine.tree.file("/proc/self/mountinfo", f"{ROOT_MOUNT}\n30 22 259:0 / /mnt/a\\040b rw - ext4 /dev/other rw")
    assert machine.reasons()[Reason.MOUNTED.value] == "mounted: nvme0n1 on /mnt/a b (ext4)"


def test_a_mount_of_a_partition_is_one_of_the_drive(machine: Machine) -> None:
    machine.partition("nvme0n1p1", "259:1")
    machine.tree.file("/proc/self/mountinfo", "30 22 259:1 / /mnt rw - ext4 /dev/nvme0n1p1 rw")
    assert Reason.MOUNTED.value in machine.reasons()


def test_a_mount_under_an_anonymous_number_is_known_by_its_source(machine: Machine) -> None:
    machine.tree.file("/proc/self/mountinfo", "30 22 0:55 / /mnt rw - btrfs /dev/nvme0n1 rw")
    assert Reason.MOUNTED.value in machine.reasons()


def test_a_mount_in_another_namespace_is_named_with_a_process(machine: Machine) -> None:
    machine.process(77, "30 22 259:0 / /private rw - ext4 /dev/nvme0n1 rw", namespace="mnt:[2]")
    assert "process 77" in machine.reasons()[Reason.MOUNTED_ELSEWHERE.value]


def test_a_process_in_a_chroot_does_not_speak_for_its_namespace(machine: Machine) -> None:
    """It is the first of its namespace, and sees none of the mounts outside of its root."""
    machine.process(50, "30 22 0:9 / / rw - tmpfs tmpfs rw", namespace="mnt:[2]", root="/jail")
    machine.process(60, "30 22 259:0 / /private rw - ext4 /dev/nvme0n1 rw", namespace="mnt:[2]")
    assert "process 60" in machine.reasons()[Reason.MOUNTED_ELSEWHERE.value]


def test_a_process_that_cannot_be_read_is_an_unknown(machine: Machine) -> None:
    machine.process(77, "", namespace="mnt:[2]")
    machine.unreadable["/proc/77/mountinfo"] = "EACCES"
    assert "77 (EACCES)" in machine.reasons()[Reason.USERS_UNKNOWN.value]


@pytest.mark.parametrize("stat", ["77 (x) Z 1 1 1 0 -1 4227084 0", "77 (x) R 1 1 1 0 -1 4228108 0"])
def test_a_process_at_its_end_is_no_unknown(stat: str, machine: Machine) -> None:
    machine.process(77, "", namespace="mnt:[2]")
    machine.tree.file("/proc/77/stat", stat)
    machine.unreadable["/proc/77/mountinfo"] = "EINVAL"
    assert set(machine.reasons()) == {UNKNOWN}


def test_a_process_whose_first_thread_is_dead_is_seen_through_another(machine: Machine) -> None:
    machine.process(77, "", namespace="mnt:[2]")
    machine.tree.file("/proc/77/stat", "77 (x) Z 1 1 1 0 -1 4227084 0")
    machine.unreadable["/proc/77/mountinfo"] = "EINVAL"
    machine.tree.file("/proc/77/task/77/stat", "77 (x) Z 1 1 1 0 -1 4227084 0")
    machine.tree.file("/proc/77/task/78/stat", "78 (x) S 1 1 1 0 -1 4194304 0")
    machine.tree.file("/proc/77/task/78/mountinfo", "30 22 259:0 / /private rw - ext4 /dev/nvme0n1 rw")
    machine.tree.directory("/proc/77/task/78/fd")
    assert "/private" in machine.reasons()[Reason.MOUNTED_ELSEWHERE.value]


def test_our_own_mounts_that_cannot_be_read_are_an_unknown(machine: Machine) -> None:
    machine.unreadable["/proc/self/mountinfo"] = "EIO"
    assert Reason.USERS_UNKNOWN.value in machine.reasons()


def test_a_loop_device_on_the_drive_is_named(machine: Machine) -> None:
    machine.drive("loop3", "7:3")
    machine.tree.file("/sys/block/loop3/loop/backing_file", "/dev/nvme0n1")
    assert machine.reasons()[Reason.LOOP.value].startswith("loop3 is set up on nvme0n1")


def test_an_exported_drive_is_named(machine: Machine) -> None:
    directory = "/sys/kernel/config/nvmet/subsystems/nqn.test/namespaces/1"
    machine.tree.file(f"{directory}/device_path", "/dev/nvme0n1")
    assert "nqn.test" in machine.reasons()[Reason.EXPORTED.value]


@pytest.mark.parametrize(
    ("knob", "value", "reason"),
    [
        ("ro", "1", Reason.READ_ONLY),
        ("removable", "1", Reason.REMOVABLE),
        ("size", "0", Reason.NO_SIZE),
    ],
)
def test_what_the_drive_is_can_be_reason_enough(knob: str, value: str, reason: Reason, machine: Machine) -> None:
    machine.tree.file(f"/sys/block/nvme0n1/{knob}", value)
    assert reason.value in machine.reasons()


@pytest.mark.parametrize("knob", ["ro", "removable", "size"])
def test_a_property_that_cannot_be_read_is_a_reason(knob: str, machine: Machine) -> None:
    machine.unreadable[f"/sys/block/nvme0n1/{knob}"] = "EIO"
    assert len(machine.reasons()) > 1


@pytest.mark.parametrize("name", ["zram0", "ram1", "sr0", "dm-1", "md127", "nbd0", "zd16"])
def test_what_is_no_drive_is_refused_by_its_kind(name: str, machine: Machine) -> None:
    from nodeagent.host.datasafety.family import read_family
    from nodeagent.host.datasafety.users import kind_refusals

    machine.drive(name, "252:0")
    ids = [refusal.id for refusal in kind_refusals(machine.host, read_family(machine.host, name))]
    assert ids == [Reason.WRONG_KIND.value]
