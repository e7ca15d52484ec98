"""Options are compared by what they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.model.mount_options import can_remount, in_force, kernel_options, option_problem, same_question


@pytest.mark.parametrize(
    ("named", "shown", "fstype", "found"),
    [
        ("noatime", "rw,relatime", "ext4", "relatime"),
        ("noatime", "rw,noatime", "ext4", "noatime"),
        ("noatime", "rw", "ext4", "strictatime"),
        ("atime", "rw,relatime", "ext4", "relatime"),
        ("nodev", "rw", "ext4", "dev"),
        ("dev", "rw,nodev", "ext4", "nodev"),
        ("rw", "ro", "ext4", "ro"),
        ("rw", "rw,ro", "ext4", "ro"),
        ("discard", "rw", "ext4", "nodiscard"),
        ("nodiscard", "rw,discard=async", "btrfs", "discard=async"),
        ("discard=async", "rw,discard=async", "btrfs", "discard=async"),
        ("commit=30", "rw", "ext4", "commit=5"),
        ("commit=5", "rw", "ext4", "commit=5"),
        ("commit=30", "rw", "btrfs", "commit=30"),
        ("commit=60", "rw,commit=10", "ext4", "commit=10"),
        ("compress=zstd", "rw,compress=zstd:3", "btrfs", "compress=zstd"),
        ("compress=zstd:1", "rw,compress=zstd:3", "btrfs", "compress=zstd:3"),
        ("subvol=snapshots", "rw,subvol=/snapshots", "btrfs", "subvol=snapshots"),
        ("stripe=8", "rw", "ext4", ""),
        ("noquota", "rw,noquota", "xfs", "noquota"),
        ("noquota", "rw,quota", "xfs", "quota"),
        ("user_xattr", "rw", "ext4", "user_xattr"),
        ("defaults,nofail,x-systemd.automount,noauto", "rw", "ext4", ""),
    ],
)
def test_what_is_in_force(named: str, shown: str, fstype: str, found: str) -> None:
    answer = in_force(named.split(","), frozenset(shown.split(",")), fstype=fstype)
    assert answer == frozenset(found.split(",") if found else ())


@pytest.mark.parametrize(
    "option",
    [
        "noatime,ro",
        "",
        "a b",
        "remount",
        "bind",
        "rbind",
        "loop",
        "loop=/dev/loop0",
        "x-mount.mkdir",
        "X-mount.owner=0",
        "helper=/bin/sh",
        "uhelper=x",
        "offset=4096",
        "rshared",
        "make-rprivate",
        'context="x"',
        "-o",
        "no\natime",
        "noatime\0",
    ],
)
def test_what_would_make_mount_do_something_else_is_refused(option: str) -> None:
    assert option_problem(option)


@pytest.mark.parametrize(
    "option", ["noatime", "commit=30", "compress=zstd:3", "nofail", "x-systemd.automount", "_netdev"]
)
def test_what_a_filesystem_or_fstab_understands_is_accepted(option: str) -> None:
    assert option_problem(option) == ""


def test_a_remount_changes_the_mount_and_some_of_the_filesystem() -> None:
    assert can_remount("noatime", fstype="xfs")
    assert can_remount("commit=30", fstype="ext4")
    assert not can_remount("data=writeback", fstype="ext4")
    assert not can_remount("discard", fstype="xfs")
    assert not can_remount("subvol=x", fstype="btrfs")


def test_options_that_exclude_each_other_answer_one_question() -> None:
    assert same_question("noatime", "relatime")
    assert same_question("commit=5", "commit=30")
    assert same_question("barrier", "nobarrier")
    assert not same_question("nodev", "nosuid")


words = st.sampled_from(
    ["noatime", "relatime", "ro", "rw", "nodev", "discard", "commit=7", "data=journal", "quota", "nosuid"]
)


@given(st.frozensets(words), st.sampled_from(["ext4", "xfs", "btrfs"]))
def test_what_is_shown_as_named_is_in_force(named: frozenset[str], fstype: str) -> None:
    single = frozenset(one for one in named if not any(one != other and same_question(one, other) for other in named))
    assert in_force(single, single, fstype=fstype) == kernel_options(single)


@given(st.lists(st.text(max_size=12), max_size=6), st.frozensets(st.text(max_size=12), max_size=6))
def test_garbage_gives_an_answer(named: list[str], shown: frozenset[str]) -> None:
    assert len(in_force(named, shown, fstype="ext4")) <= len(named)
