"""Mounts: the kernel's escapes, joined options, and the UUID from whoever knows it."""

from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.mounts import unescape, unescape_udev
from nodeagent.model.host_reader import MountEntry
from tests.fixtures.tree import Tree

UUID = "3f2c8a5e-8f43-4d6b-9a52-6a0f3d1b7e11"
LINE = "36 28 259:3 /sub /srv/ledger\\040one rw,noatime shared:1 master:2 - ext4 /dev/nvme0n1p1 rw,data=ordered"


@pytest.fixture(name="tree")
def small_tree(tmp_path: Path) -> Tree:
    tree = Tree(root=tmp_path)
    tree.file("/proc/self/mountinfo", LINE)
    tree.file("/sys/class/block/nvme0n1p1/dev", "259:3")
    return tree


def only(tree: Tree) -> MountEntry:
    (entry,) = Host(root=tree.root).mounts()
    return entry


def test_a_line_is_taken_apart(tree: Tree) -> None:
    assert only(tree) == MountEntry(
        target="/srv/ledger one",
        source="/dev/nvme0n1p1",
        fstype="ext4",
        major_minor="259:3",
        root="/sub",
        options=frozenset({"rw", "noatime", "data=ordered"}),
    )


def test_the_uuid_comes_from_the_links_of_udev(tree: Tree) -> None:
    tree.link(f"/dev/disk/by-uuid/{UUID}", "/dev/nvme0n1p1")
    assert only(tree).uuid == UUID


def test_the_uuid_comes_from_the_records_of_udev(tree: Tree) -> None:
    tree.file("/run/udev/data/b259:3", f"S:disk/by-id/x\nE:ID_FS_UUID={UUID}\nE:ID_FS_TYPE=ext4")
    assert only(tree).uuid == UUID


def test_the_uuid_of_a_btrfs_comes_from_sysfs(tree: Tree) -> None:
    tree.file("/proc/self/mountinfo", LINE.replace("ext4", "btrfs").replace("259:3", "0:40"))
    tree.link(f"/sys/fs/btrfs/{UUID}/devices/nvme0n1p1", "/sys/class/block/nvme0n1p1")
    tree.directory("/sys/fs/btrfs/features")
    assert only(tree).uuid == UUID


def test_the_uuid_is_found_through_a_device_mapper_name(tree: Tree) -> None:
    tree.file("/proc/self/mountinfo", LINE.replace("/dev/nvme0n1p1", "/dev/mapper/vg-ledger"))
    tree.file("/dev/dm-3", b"")
    tree.link("/dev/mapper/vg-ledger", "/dev/dm-3")
    tree.link(f"/dev/disk/by-uuid/{UUID}", "/dev/dm-3")
    assert only(tree).uuid == UUID


@pytest.mark.parametrize("line", ["", "x", "1 2 3 - x", "1 2 3:4 / /x rw - ext4", "- - -"])
def test_what_is_no_line_is_no_mount(tree: Tree, line: str) -> None:
    tree.file("/proc/self/mountinfo", f"{line}\n{LINE}")
    assert len(Host(root=tree.root).mounts()) == 1


def test_escapes_are_bytes() -> None:
    assert unescape("a\\040b\\011c\\134d") == "a b\tc\\d"
    assert unescape("\\303\\244").encode() == "ä".encode()
    assert unescape("\\999") == "\\999"
    assert unescape_udev("My\\x20Disk") == "My Disk"
