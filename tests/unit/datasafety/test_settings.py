"""What a profile may not say about filesystems, each told at its place in the file."""

from pathlib import Path
from textwrap import indent

import pytest

from nodeagent.profiles import load_profile
from nodeagent.profiles.problems import DocumentError
from nodeagent.tune.filesystems.settings import FilesystemEntry, FilesystemSettings, FilesystemType, Make

GOOD = """\
- mount_point: /mnt/ledger
  device: {serial: S1}
  type: ext4
  label: ledger
"""


def load(text: str, directory: Path) -> tuple[FilesystemEntry, ...]:
    path = directory / "case.yaml"
    path.write_text(f"schema: 1\nsummary: a case\ntune:\n  filesystem:\n{indent(text, '    ')}")
    profile = load_profile(path, settings_types={"filesystem": FilesystemSettings}, search=())
    entries: tuple[FilesystemEntry, ...] = profile.tune["filesystem"]
    return entries


def test_a_full_entry_is_read_as_it_is_meant(tmp_path: Path) -> None:
    text = GOOD + '  options: [noatime]\n  owner: sol\n  mode: "0755"\n  make: {value: when-empty, why: it is new}\n'
    [entry] = load(text, tmp_path)
    assert entry.type
    assert entry.options
    assert entry.make
    assert entry.mode
    assert entry.type.value is FilesystemType.EXT4
    assert entry.options.value == ("noatime",)
    assert (entry.make.value, entry.make.why) == (Make.WHEN_EMPTY, "it is new")
    assert entry.mode.value == "0755"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("ext4", "ext3"), "type"),
        (GOOD.replace("label: ledger", "label: a-label-of-17-chars"), "at most 16"),
        (GOOD.replace("ext4", "xfs").replace("label: ledger", "label: thirteenchars"), "at most 12"),
        (GOOD.replace("label: ledger", "label: 'a b'"), "label"),
        (GOOD.replace("  label: ledger\n", ""), "needs a label"),
        (GOOD.replace("  type: ext4\n", ""), "needs a type"),
        (GOOD.replace("/mnt/ledger", "mnt"), "absolute path"),
        (GOOD.replace("/mnt/ledger", "/mnt/"), "absolute path"),
        (GOOD.replace("/mnt/ledger", "/mnt/../etc"), "'..'"),
        (GOOD.replace("/mnt/ledger", "/"), "root filesystem"),
        (GOOD + "  options: [bind]\n", "options[0]"),
        (GOOD + "  options: ['noatime,exec']\n", "options[0]"),
        (GOOD + "  owner: 'sol; reboot'\n", "owner"),
        (GOOD + "  mode: '0999'\n", "mode"),
        (GOOD + "  make: always\n", "make"),
        (GOOD + "  persist: always\n", "persist"),
        (GOOD + "  make_options: ['-F']\n", "make_options[0]"),
        (GOOD + "  make_options: ['-m 0', '-m 0 -F']\n", "make_options[1]"),
        (GOOD + "  make_options: ['-m reflink=1']\n", "mkfs.ext4"),
        (GOOD + "  options: [noauto]\n  persist: unit\n", "opposite of persist"),
        (GOOD.replace("/mnt/ledger", '"/mnt/ledger "') + "  persist: unit\n", "no blank at an end"),
        (GOOD.replace("/mnt/ledger", "/mnt/led\\ger") + "  persist: fstab\n", "no blank at an end"),
        ("- mount_point: /mnt/x\n  persist: unit\n", "without a device"),
        (GOOD + "  uuid: 0b5e55ed-0000-4000-8000-000000000001\n  make: when-empty\n", "adopts"),
        (GOOD + "  uuid: not-a-uuid\n", "uuid"),
        (GOOD + "  force: true\n", "not known"),
        (GOOD.replace("{serial: S1}", "{name: nvme0n1}"), "not known"),
        (GOOD.replace("{serial: S1}", "{serial: S1, count: 2}"), "wanted 1"),
        (GOOD + GOOD, "stands in two entries"),
        (GOOD.replace("/mnt/ledger", "/mnt/ledger/deep") + GOOD, "would hide /mnt/ledger/deep"),
        ("- mount_point: /mnt\n  make: when-empty\n", "without a device"),
        ("- mount_point: /mnt\n  label: x\n", "without a device"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as error:
        load(text, tmp_path)
    assert told in error.value.message
    assert "tune.filesystem" in error.value.message


ARRAY = """\
- mount_point: /mnt/ledger
  raid0:
    devices: {model: "*Instance Storage*", count: 2}
    chunk_bytes: 64KiB
  type: ext4
  label: ledger
"""


def test_an_array_is_read_as_it_is_meant(tmp_path: Path) -> None:
    [entry] = load(ARRAY, tmp_path)
    assert entry.raid0
    assert (entry.raid0.devices.count, entry.raid0.chunk_bytes) == (2, 65536)
    assert entry.array_name == "mnt-ledger"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (", count: 2", "", "needs a count of 2 or more"),
        ("count: 2", "count: 1", "needs a count of 2 or more"),
        ('model: "*Instance Storage*", ', "", "names no property of a drive"),
        ("64KiB", "100000", "power of two"),
        ("64KiB", "2KiB", "power of two"),
        ("  type", "  device: {serial: S1}\n  type", "stands beside device"),
        ("/mnt/ledger", "/mnt/a-very-long-name-for-a-place", "at most 27 characters"),
        ("  label: ledger\n", "", "needs a label"),
    ],
)
def test_an_array_that_leaves_something_to_chance_is_refused(old: str, new: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=told):
        load(ARRAY.replace(old, new), tmp_path)


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="a second array would be called mnt-ledger"):
        load(ARRAY + ARRAY.replace("/mnt/ledger", "/mnt-ledger"), tmp_path)
