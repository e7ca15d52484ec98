"""Loop devices with partitions, mapped devices and filesystems: use and UUID as the real kernel shows them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.block import read_block_devices
from nodeagent.host.inspection import Inspection
from nodeagent.model.facts import BlockDevice
from tests.host.datasafety.loops import MIB, Bench, run
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [pytest.mark.host, need_root, need_tool("losetup")]


@pytest.fixture(name="bench")
def loops(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    try:
        yield bench
    finally:
        bench.close()


def drive(node: str) -> BlockDevice:
    devices = read_block_devices(Inspection(host=Host()))
    return next(device for device in devices if device.name == Path(node).name)


def test_a_loop_is_told_by_its_file(bench: Bench) -> None:
    image = bench.image(16 * MIB)
    device = drive(bench.attach(image, "--read-only"))
    assert (device.backing_file, device.size_bytes, device.read_only) == (str(image), 16 * MIB, True)
    assert (device.transport, device.driver, device.pcie, device.numa_node) == ("loop", "loop", None, None)
    assert device.queue["scheduler"]


def test_sizes_are_bytes_whatever_the_sector(bench: Bench) -> None:
    device = drive(bench.attach(bench.image(16 * MIB), "--sector-size", "4096"))
    assert device.queue["logical_block_size"] == "4096"
    assert device.size_bytes == 16 * MIB


@need_tool("sfdisk", "partx", "mkfs.ext4")
def test_partitions_have_place_size_and_mounts(bench: Bench) -> None:
    image = bench.image(64 * MIB)
    run("sfdisk", "--quiet", str(image), text="label: gpt\nsize=8MiB\nsize=32MiB\n")
    node = bench.attach(image)
    run("partx", "--add", node)  # a kernel without EFI_PARTITION can't read the table, but can be told
    bench.undo("partx", "--delete", node)
    run("mkfs.ext4", "-q", f"{node}p2")
    target = bench.mount(f"{node}p2")
    device = drive(node)
    first, second = device.partitions
    assert (first.start_bytes, first.size_bytes) == (MIB, 8 * MIB)
    assert (second.name, second.size_bytes) == (f"{device.name}p2", 32 * MIB)
    assert [mount.target for mount in device.mounts] == [str(target)]


@need_kernel("/sys/class/misc/device-mapper")
@need_tool("dmsetup", "mkfs.ext4")
def test_a_mapped_device_is_a_holder_and_its_mount_counts(bench: Bench) -> None:
    node = bench.attach(bench.image(32 * MIB))
    name = f"nodeagent-{bench.directory.name}"[:60]
    run("dmsetup", "create", name, "--table", f"0 {32 * MIB // 512} linear {node} 0")
    bench.undo("dmsetup", "remove", name)
    run("dmsetup", "mknodes", name)
    run("mkfs.ext4", "-q", f"/dev/mapper/{name}")
    target = bench.mount(f"/dev/mapper/{name}")
    device = drive(node)
    (holder,) = device.holders
    assert holder.startswith("dm-")
    assert [mount.target for mount in device.mounts] == [str(target)]
    assert drive(holder).slaves == (device.name,)


@pytest.mark.parametrize(
    ("fstype", "size_mib", "uuid_option"),
    [
        pytest.param("ext4", 16, ("-U",), marks=need_tool("mkfs.ext4")),
        pytest.param("xfs", 320, ("-m",), marks=need_tool("mkfs.xfs")),
        pytest.param("btrfs", 128, ("-U",), marks=need_tool("mkfs.btrfs")),
    ],
)
def test_a_mount_has_the_uuid_of_its_filesystem(
    fstype: str, size_mib: int, uuid_option: tuple[str, ...], bench: Bench
) -> None:
    uuid = "7d9f6f1e-7a54-4c1b-9a55-2f3d6e8c1a42"
    node = bench.attach(bench.image(size_mib * MIB))
    run(f"mkfs.{fstype}", "-q", *uuid_option, f"uuid={uuid}" if fstype == "xfs" else uuid, node)
    target = str(bench.mount(node, fstype=fstype))
    assert [mount.uuid for mount in Host().mounts() if mount.target == target] == [uuid]
    assert Host().stat(target).mount_point


@need_tool("mkfs.btrfs")
def test_a_btrfs_of_two_drives_is_mounted_on_both(bench: Bench) -> None:
    nodes = [bench.attach(bench.image(128 * MIB)) for _ in range(2)]
    run("mkfs.btrfs", "-q", "-m", "raid1", *nodes)
    run("btrfs", "device", "scan", *nodes)
    target = bench.mount(nodes[0], fstype="btrfs")
    for node in nodes:
        assert [mount.target for mount in drive(node).mounts] == [str(target)]
