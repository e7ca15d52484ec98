"""The door itself: what a read, a listing and a stat answer, and that no path leads out of an injected root."""

import json
import os
from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.host import READ_LIMIT_BYTES
from nodeagent.host.tree_index import TREE_INDEX
from nodeagent.model.reading import ReadStatus


def write(root: Path, path: str, text: str = "", *, mode: int = 0o644) -> Path:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def test_a_file_is_read_with_its_write_bit(tmp_path: Path) -> None:
    write(tmp_path, "/sys/a", "value\n")
    write(tmp_path, "/sys/b", "value\n", mode=0o444)
    host = Host(root=tmp_path)
    assert host.read("/sys/a").text == "value\n"
    assert host.read("/sys/a").value == "value"
    assert host.read("/sys/a").writable
    assert not host.read("/sys/b").writable


@pytest.mark.parametrize("path", ["/none", "/sys/a/below-a-file", "/none/at/all"])
def test_a_missing_file_is_absent(tmp_path: Path, path: str) -> None:
    write(tmp_path, "/sys/a")
    reading = Host(root=tmp_path).read(path)
    assert (reading.status, reading.text, reading.value) == (ReadStatus.ABSENT, "", None)


@pytest.mark.parametrize(
    ("path", "problem"),
    [("/sys", "EISDIR"), ("/fifo", "EINVAL"), ("/loop", "ELOOP"), ("/big", "EFBIG"), ("/a\0b", "EINVAL")],
)
def test_what_is_no_readable_file_says_why_and_never_waits(tmp_path: Path, path: str, problem: str) -> None:
    (tmp_path / "sys").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    with (tmp_path / "big").open("wb") as file:
        file.truncate(READ_LIMIT_BYTES + 1)
    reading = Host(root=tmp_path).read(path)
    assert (reading.status, reading.problem) == (ReadStatus.UNREADABLE, problem)


def test_bytes_that_are_no_text_survive(tmp_path: Path) -> None:
    (tmp_path / "serial").write_bytes(b"\xff\xfeS1\n")
    text = Host(root=tmp_path).read("/serial").text
    assert text.encode("utf-8", "surrogateescape") == b"\xff\xfeS1\n"


def test_links_stay_inside_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path, "/secret", "outside")
    write(root, "/sys/devices/a/value", "inside")
    (root / "sys/absolute").symlink_to("/sys/devices/a")
    (root / "sys/relative").symlink_to("devices/a")
    (root / "sys/climbing").symlink_to("../../../../../secret")
    (root / "sys/outside").symlink_to(tmp_path / "secret")
    host = Host(root=root)
    assert host.read("/sys/absolute/value").text == "inside"
    assert host.read("/sys/relative/value").text == "inside"
    assert host.read("/sys/climbing").status is ReadStatus.ABSENT
    assert host.read("/sys/outside").status is ReadStatus.ABSENT
    assert host.read("/../secret").status is ReadStatus.ABSENT
    assert host.path("/sys/climbing/../../secret").is_relative_to(root)


def test_a_link_can_be_read_resolved_and_listed(tmp_path: Path) -> None:
    write(tmp_path, "/sys/devices/pci/vda/size", "8")
    (tmp_path / "sys/block").mkdir()
    (tmp_path / "sys/block/vda").symlink_to("../devices/pci/vda")
    host = Host(root=tmp_path)
    assert host.link("/sys/block/vda") == "../devices/pci/vda"
    assert host.real("/sys/block/vda/size") == "/sys/devices/pci/vda/size"
    assert host.real("/sys/block/none") == ""
    assert host.names("/sys/block/vda") == ("size",)
    assert host.names("/sys/none") == ()
    assert host.link("/sys/devices") == ""


def test_a_path_that_is_not_there_yet_can_be_located(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/conf").symlink_to("elsewhere")
    host = Host(root=tmp_path)
    assert host.path("/etc/new/file") == tmp_path / "etc/new/file"
    assert host.path("/etc/conf") == tmp_path / "etc/conf"
    assert Host().path("/etc/new") == Path("/etc/new")
    with pytest.raises(ValueError, match="absolute"):
        host.path("etc/new")


def test_a_directory_made_after_the_first_look_is_seen(tmp_path: Path) -> None:
    host = Host(root=tmp_path)
    assert host.read("/srv/late/file").status is ReadStatus.ABSENT
    write(tmp_path, "/srv/late/file", "here")
    assert host.read("/srv/late/file").text == "here"


def test_stat_tells_the_kinds_apart(tmp_path: Path) -> None:
    write(tmp_path, "/dir/file", mode=0o640)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("dir")
    host = Host(root=tmp_path)
    assert (host.stat("/dir/file").kind, host.stat("/dir/file").mode) == ("file", 0o640)
    assert (host.stat("/dir").kind, host.stat("/dir").empty) == ("directory", False)
    assert host.stat("/empty").empty is True
    assert host.stat("/link").kind == "symlink"
    assert (host.stat("/none").kind, host.stat("/none").problem) == ("absent", "")
    assert Host().stat("/dev/null").kind == "device"


def test_a_mount_point_is_told_by_mountinfo(tmp_path: Path) -> None:
    (tmp_path / "srv/ledger one").mkdir(parents=True)
    write(tmp_path, "/proc/self/mountinfo", "1 0 7:0 / /srv/ledger\\040one rw - ext4 /dev/loop0 rw\n")
    host = Host(root=tmp_path)
    assert host.stat("/srv/ledger one").mount_point
    assert not host.stat("/srv").mount_point


def test_the_index_of_a_captured_tree_is_honoured(tmp_path: Path) -> None:
    write(tmp_path, "/sys/a", "not for you")
    write(tmp_path, "/dev/vda")
    (tmp_path / "hidden").mkdir()
    index = {"unreadable": {"/sys/a": "EACCES", "/hidden": "EACCES"}, "kinds": {"/dev/vda": "device"}}
    (tmp_path / TREE_INDEX).write_text(json.dumps(index))
    host = Host(root=tmp_path)
    assert (host.read("/sys/a").status, host.read("/sys/a").problem) == (ReadStatus.UNREADABLE, "EACCES")
    assert host.stat("/dev/vda").kind == "device"
    assert host.names("/") == ("dev", "hidden", "sys")


def test_this_machine_answers() -> None:
    host = Host()
    assert host.is_live
    assert len(host.boot_id()) == 36
    assert any(mount.target == "/" for mount in host.mounts())
