"""Mounts made, changed and taken away on the real kernel; each leaves what it does not name as it was."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from nodeagent.host import Host
from nodeagent.host.changes import observe, perform
from nodeagent.host.changes.mount import top_mount
from nodeagent.model.change import ABSENT, MountState, SetMount
from nodeagent.model.errors import HostError, RefusedError
from tests.host.datasafety.loops import MIB, Bench, run, write_at
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [
    pytest.mark.host,
    need_root,
    need_kernel("/dev/loop-control"),
    need_tool("losetup", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "mount", "umount"),
]

SIZES = {"ext4": 32 * MIB, "xfs": 304 * MIB, "btrfs": 128 * MIB}


def made(bench: Bench, fstype: str) -> tuple[str, Path, str]:
    """A drive with a filesystem, an empty directory, and the UUID."""
    uuid = str(uuid4())
    image = bench.image(SIZES[fstype])
    flag = ("-m", f"uuid={uuid}") if fstype == "xfs" else ("-U", uuid)
    run(f"mkfs.{fstype}", "-q", *flag, str(image))
    if fstype == "btrfs":
        bench.undo("btrfs", "device", "scan", "--forget")
    target = bench.folder()
    node = bench.attach(image)
    bench.undo("umount", str(target))
    return node, target, uuid


def mounting(target: Path, uuid: str, fstype: str, *options: str) -> SetMount:
    after = MountState(source=f"UUID={uuid}", fstype=fstype, options=frozenset(options))
    return SetMount(key="test", tunable="filesystem", target=str(target), before=None, after=after)


def remounting(target: Path, uuid: str, fstype: str, before: set[str], after: set[str]) -> SetMount:
    states = [MountState(source=f"UUID={uuid}", fstype=fstype, options=frozenset(given)) for given in (before, after)]
    return SetMount(key="test", tunable="filesystem", target=str(target), before=states[0], after=states[1])


@pytest.mark.parametrize("fstype", SIZES)
def test_a_mount_is_made_read_back_and_taken_away(fstype: str, bench: Bench) -> None:
    host, (_, target, uuid) = Host(), made(bench, fstype)
    change = mounting(target, uuid, fstype, "noatime", "nodev")
    assert observe(host, change).state == ABSENT
    perform(host, change)
    assert observe(host, change).state == change.after_state()
    perform(host, change.inverse())
    assert observe(host, change).state == ABSENT


@pytest.mark.parametrize("fstype", SIZES)
def test_a_remount_changes_what_it_names_and_comes_back_exactly(fstype: str, bench: Bench) -> None:
    host, (node, target, uuid) = Host(), made(bench, fstype)
    run("mount", "-o", "nosuid,noatime", node, str(target))
    before = top_mount(host, str(target))
    change = remounting(target, uuid, fstype, {"noatime", "exec"}, {"relatime", "noexec"})
    assert observe(host, change).state == change.before_state()
    perform(host, change)
    assert observe(host, change).state == change.after_state()
    now = top_mount(host, str(target))
    assert now is not None
    assert {"nosuid", "noexec", "relatime"} <= now.options
    perform(host, change.inverse())
    assert observe(host, change).state == change.before_state()
    assert top_mount(host, str(target)) == before


def test_options_of_the_filesystem_itself_are_changed_by_a_remount(bench: Bench) -> None:
    host, (node, target, uuid) = Host(), made(bench, "ext4")
    run("mount", node, str(target))
    change = remounting(target, uuid, "ext4", {"commit=5", "nodiscard"}, {"commit=30", "discard"})
    assert observe(host, change).state == change.before_state()
    perform(host, change)
    assert observe(host, change).state == change.after_state()
    perform(host, change.inverse())
    assert observe(host, change).state == change.before_state()


def test_a_filesystem_in_use_stays_mounted_and_its_users_are_named(bench: Bench) -> None:
    host, (_, target, uuid) = Host(), made(bench, "ext4")
    change = mounting(target, uuid, "ext4")
    perform(host, change)
    script = f"import os; os.chdir({str(target)!r}); print('ready', flush=True); input()"
    user = bench.background(sys.executable, "-c", script)
    with pytest.raises(HostError, match=rf"\[{user.pid}\] cwd") as busy:
        perform(host, change.inverse())
    assert "lazily" in (busy.value.remedy or "")
    assert observe(host, change).state == change.after_state()
    user.kill()
    user.wait()
    perform(host, change.inverse())
    assert observe(host, change).state == ABSENT


def test_a_mount_below_keeps_it_busy_and_is_named(bench: Bench) -> None:
    host, (_, target, uuid) = Host(), made(bench, "ext4")
    perform(host, mounting(target, uuid, "ext4"))
    below = target / "below"
    below.mkdir()
    run("mount", "-t", "tmpfs", "tmpfs", str(below))
    bench.undo("umount", str(below))
    with pytest.raises(HostError, match=f"mounted below it: {below}"):
        perform(host, mounting(target, uuid, "ext4").inverse())


def test_of_two_drives_with_one_uuid_none_is_mounted(bench: Bench) -> None:
    host, (_, target, uuid) = Host(), made(bench, "ext4")
    clone = bench.directory / "clone.img"
    shutil.copy(bench.images[0], clone)
    bench.attach(clone)
    with pytest.raises(HostError, match="wanted exactly one"):
        perform(host, mounting(target, uuid, "ext4"))
    assert top_mount(host, str(target)) is None


def test_a_uuid_that_no_drive_has_is_an_error(bench: Bench) -> None:
    host, (_, target, _) = Host(), made(bench, "ext4")
    with pytest.raises(HostError, match="no device has"):
        perform(host, mounting(target, str(uuid4()), "ext4"))


def test_nothing_is_mounted_over_another_mount(bench: Bench) -> None:
    host, (_, target, uuid) = Host(), made(bench, "ext4")
    run("mount", "-t", "tmpfs", "tmpfs", str(target))
    with pytest.raises(RefusedError, match="already"):
        perform(host, mounting(target, uuid, "ext4"))
    state = observe(host, mounting(target, uuid, "ext4")).state
    assert state.startswith("tmpfs tmpfs")


def test_a_link_is_not_mounted_on(bench: Bench) -> None:
    host, (_, target, uuid) = Host(), made(bench, "ext4")
    link = bench.directory / "link"
    link.symlink_to(target)
    with pytest.raises(RefusedError, match="link"):
        perform(host, mounting(link, uuid, "ext4"))
    assert top_mount(host, str(target)) is None


def test_a_damaged_filesystem_is_an_error_with_what_mount_said(bench: Bench) -> None:
    host, (node, target, uuid) = Host(), made(bench, "xfs")
    write_at(bench.images[0], 126, b"\x01")
    Path(node).open("rb").close()
    with pytest.raises(HostError, match=r"mount: .*(superblock|wrong fs type|corrupt|clean)"):
        perform(host, mounting(target, uuid, "xfs"))
    assert top_mount(host, str(target)) is None


def test_an_unmount_that_never_answers_is_given_up(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, (_, target, uuid) = Host(), made(bench, "ext4")
    perform(host, mounting(target, uuid, "ext4"))
    program = tmp_path / "umount"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("nodeagent.host.changes.mount.TIMEOUT_SECONDS", 0.5)
    with pytest.raises(HostError, match="within the time"):
        perform(host, mounting(target, uuid, "ext4").inverse())
    monkeypatch.undo()
    subprocess.run(["umount", str(target)], check=True)
