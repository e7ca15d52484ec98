"""Machines as they are: what is missing is None and named, what is odd is reported as it is."""

from pathlib import Path

import pytest

from nodeagent.model.facts import BlockDevice, HostFacts, Nic
from tests.fixtures.generate_host import GIB
from tests.fixtures.odd_hosts import write_laptop, write_odd, write_vm


@pytest.fixture(name="odd")
def odd_facts(tmp_path: Path) -> HostFacts:
    return write_odd(tmp_path / "odd").facts()


@pytest.fixture(name="laptop")
def laptop_facts(tmp_path: Path) -> HostFacts:
    return write_laptop(tmp_path / "laptop").facts()


@pytest.fixture(name="vm")
def vm_facts(tmp_path: Path) -> HostFacts:
    return write_vm(tmp_path / "vm").facts()


def drive(facts: HostFacts, name: str) -> BlockDevice:
    return next(device for device in facts.block_devices if device.name == name)


def nic(facts: HostFacts, name: str) -> Nic:
    return next(each for each in facts.nics if each.name == name)


def targets(device: BlockDevice) -> list[str]:
    return [mount.target for mount in device.mounts]


def test_half_a_topology_is_not_counted(odd: HostFacts) -> None:
    assert str(odd.cpus.online) == "0-2,5,8-11"
    assert (odd.cpus.packages, odd.cpus.cores, odd.cpus.threads_per_core) == (None, None, None)
    assert len(odd.cpus.core_list) == 7
    assert "/sys/devices/system/cpu/cpu5/topology/thread_siblings_list: EIO" in odd.problems
    assert "/sys/devices/system/cpu/cpu*/topology: unreadable for CPUs 5" in odd.problems


def test_a_null_pointer_is_no_cpu(odd: HostFacts) -> None:
    assert not odd.cpus.nohz_full
    assert not odd.cpus.isolated


def test_a_node_may_lack_memory_or_cpus_and_have_any_number(odd: HostFacts) -> None:
    assert [(node.id, str(node.cpus), node.memory_bytes) for node in odd.numa_nodes] == [
        (0, "0-2,5", 64 * GIB),
        (2, "8-11", 0),
        (7, "", 128 * GIB),
    ]
    assert odd.numa_nodes[0].distances == {0: 10, 2: 20, 7: 40}
    assert odd.numa_nodes[2].distances == {}
    assert "/sys/devices/system/node/node7/distance: got 2 words, wanted 3 distances" in odd.problems


def test_only_readable_huge_page_pools_are_shown(odd: HostFacts) -> None:
    pools = odd.numa_nodes[0].hugepages
    assert [(pool.page_bytes, pool.total, pool.free) for pool in pools] == [(GIB, 4, 3)]


def test_a_long_pci_domain_is_an_address(odd: HostFacts) -> None:
    device = drive(odd, "nvme0n1")
    assert device.pcie is not None
    assert (device.pcie.address, device.pcie.width_max, device.pcie.speed_max_gts) == ("10000:e1:00.0", None, None)
    assert device.numa_node is None
    assert odd.pci_devices[-1].address == "10000:e1:00.0"


def test_a_multipath_drive_is_one_drive_of_no_single_node(odd: HostFacts) -> None:
    names = [device.name for device in odd.block_devices]
    assert "nvme1n1" in names
    assert not any("c" in name for name in names)
    device = drive(odd, "nvme1n1")
    assert (device.serial, device.numa_node, device.transport) == ("S7TWOPORTS", None, "nvme")
    assert device.pcie is not None
    assert device.pcie.address == "0000:41:00.0"


def test_a_btrfs_stands_on_all_its_members(odd: HostFacts) -> None:
    assert targets(drive(odd, "loop0")) == ["/srv/snapshots"]
    assert targets(drive(odd, "loop1")) == ["/srv/snapshots"]
    assert drive(odd, "loop0").mounts[0].root == "/@"
    assert targets(drive(odd, "md0")) == []


def test_a_loop_is_told_by_its_file(odd: HostFacts) -> None:
    assert drive(odd, "loop0").backing_file == "/home/alice/image one (deleted)"
    assert drive(odd, "loop0").pcie is None


def test_numbers_that_are_none_are_unknown_and_named(odd: HostFacts) -> None:
    device = drive(odd, "zram0")
    assert (device.size_bytes, device.read_only) == (None, None)
    assert "/sys/block/zram0/size: got -8, wanted no negative number" in odd.problems
    assert "/sys/block/zram0/ro: got '2', wanted 0 or 1" in odd.problems
    assert all(each.name != "loop3" for each in odd.block_devices)


def test_virtual_functions_know_each_other(odd: HostFacts) -> None:
    port, function = nic(odd, "ens1f0"), nic(odd, "ens1f0v0")
    assert port.sriov is not None
    assert port.sriov.vf_addresses == ("0000:61:00.2", "0000:61:00.3")
    assert function.physical_function == "0000:61:00.0"
    assert (port.speed_mbps, function.speed_mbps) == (None, 100000)
    assert port.irqs == (33,)
    assert [each.name for each in odd.nics] == ["ens1f0", "ens1f0v0"]


def test_firmware_without_slots_is_unreadable(odd: HostFacts) -> None:
    assert not odd.memory.dimms_readable
    assert odd.memory.total_bytes is None
    assert "/sys/firmware/dmi/tables/DMI: no memory slots in it" in odd.problems
    assert "/proc/meminfo: no line MemTotal" in odd.problems


def test_bytes_that_are_no_text_are_kept(odd: HostFacts) -> None:
    assert odd.kernel.command_line.encode("utf-8", "surrogateescape") == b"\xff\xfe root=/dev/md0"
    assert odd.platform.hostname.encode("utf-8", "surrogateescape") == b"odd\xff"


def test_unequal_cores_count_by_the_largest(laptop: HostFacts) -> None:
    assert (laptop.cpus.packages, laptop.cpus.cores, laptop.cpus.threads_per_core) == (1, 6, 2)
    assert [len(core.threads) for core in laptop.cpus.core_list] == [2, 2, 1, 1, 1, 1]


def test_a_kernel_without_numa_has_no_nodes(laptop: HostFacts) -> None:
    assert laptop.numa_nodes == ()


def test_mounts_reach_through_encryption_and_volumes(laptop: HostFacts) -> None:
    disk = drive(laptop, "nvme0n1")
    assert disk.holders == ("dm-0",)
    assert targets(disk) == ["/boot", "/", "/srv/data"]
    assert targets(drive(laptop, "dm-1")) == ["/", "/srv/data"]
    assert drive(laptop, "dm-1").slaves == ("dm-0",)


def test_a_stick_is_removable_has_a_page_80_serial_and_a_blank_in_its_mount(laptop: HostFacts) -> None:
    stick = drive(laptop, "sda")
    assert (stick.model, stick.serial, stick.transport) == ("SanDisk Ultra Fit", "4C530001", "usb")
    assert stick.removable is True
    assert targets(stick) == ["/run/media/alice/My Stick"]


def test_what_only_root_may_read_is_named(laptop: HostFacts) -> None:
    assert not laptop.memory.dimms_readable
    assert laptop.problems == ("/sys/firmware/dmi/tables/DMI: EACCES",)


def test_a_port_without_link_has_no_speed(laptop: HostFacts) -> None:
    assert nic(laptop, "wlp0s20f3").speed_mbps is None
    assert nic(laptop, "lo").pci_address == ""


def test_a_virtual_machine_is_told_by_flag_and_firmware(vm: HostFacts, laptop: HostFacts, odd: HostFacts) -> None:
    assert vm.platform.virtualisation == "qemu"
    assert laptop.platform.virtualisation == ""
    assert odd.platform.virtualisation == ""


def test_a_virtual_machine_may_show_no_cache_and_no_link(vm: HostFacts) -> None:
    assert vm.cpus.l3_domains == ()
    disk, root = vm.block_devices
    assert disk.pcie is not None
    assert (disk.pcie.speed_gts, disk.pcie.width, disk.numa_node) == (None, None, None)
    assert (root.name, root.transport, root.driver, targets(root)) == ("vda", "virtio", "virtio_blk", ["/"])
    assert nic(vm, "enp0s5").pci_address == "0000:00:05.0"
    assert nic(vm, "enp0s5").irqs == (26,)
