"""A profile's filesystems through the engine on empty loop devices: planned, applied, verified, rolled back."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from nodeagent.host import Host
from nodeagent.host.changes.mount import top_mount
from nodeagent.model.change import MakeFilesystem
from nodeagent.model.occupancy import Reason
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import State
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.filesystems.settings import FilesystemEntry, FilesystemType
from nodeagent.tune.plan import make_plan
from nodeagent.tune.recover import recover
from nodeagent.tune.rollback import rollback
from nodeagent.tune.session import open_session
from nodeagent.tune.tunables.filesystem import FILESYSTEM
from tests import needs
from tests.host.datasafety.apply_once import apply_profile, entry_for, profile_of
from tests.host.datasafety.loops import MIB, Bench, run
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [
    pytest.mark.host,
    need_root,
    need_kernel("/dev/loop-control"),
    need_tool("losetup", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "mount", "umount", "strace"),
]

ROOT = Path(__file__).parents[3]
SIZES = {FilesystemType.EXT4: 32 * MIB, FilesystemType.XFS: 304 * MIB, FilesystemType.BTRFS: 128 * MIB}

_GIVE_UUID = {FilesystemType.EXT4: ("-q", "-U"), FilesystemType.XFS: ("-q", "-m"), FilesystemType.BTRFS: ("-q", "-U")}


def test_three_drives_are_made_mounted_and_given_away_and_it_all_comes_back(bench: Bench) -> None:
    host, state = Host(), bench.directory / "state"
    mounts = bench.directory / "mnt"
    entries = []
    for fstype, size in SIZES.items():
        image = bench.image(size)
        bench.attach(image)
        entries.append(entry_for(image, mounts / fstype, fstype))
        bench.undo("umount", str(mounts / fstype))
    bench.undo("btrfs", "device", "scan", "--forget")
    profile = profile_of(*entries)
    result = apply_profile(host, profile, state)
    assert result.outcome is ApplyOutcome.APPLIED, result.problem
    assert result.verdicts[0].state is State.OK, result.verdicts
    for fstype in SIZES:
        mount = top_mount(host, str(mounts / fstype))
        assert mount is not None
        assert "noatime" in mount.options
        assert (mounts / fstype).stat().st_uid == 65534
    again = make_plan(host, profile, host.facts(fresh=True), [FILESYSTEM])
    assert again.items == ()
    with open_session(host, state, command="test") as session:
        undone = rollback(session)
    assert {step.fate.value for step in undone.steps} == {"restored", "irreversible"}
    assert not mounts.exists()
    again = make_plan(host, profile, host.facts(fresh=True), [FILESYSTEM])
    assert not [item for item in again.changes if isinstance(item, MakeFilesystem)]
    assert [item.key.rpartition(":")[2] for item in again.items].count("mount") == 3


@pytest.mark.parametrize(("comes_back", "fate"), [(True, "restored"), (False, "lapsed")])
def test_after_a_boot_a_rollback_unmounts_what_our_unit_mounted_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, comes_back: bool, fate: str
) -> None:
    """The boot is another boot id, the unit's mount the one that is still there."""
    monkeypatch.setattr(FilesystemEntry, "comes_back", property(lambda _entry: comes_back))
    host, state, image = Host(), bench.directory / "state", bench.image(SIZES[FilesystemType.EXT4])
    bench.attach(image)
    mount_point = bench.directory / "mnt"
    if not comes_back:
        bench.undo("umount", str(mount_point))
    result = apply_profile(host, profile_of(entry_for(image, mount_point, FilesystemType.EXT4)), state)
    assert result.outcome is ApplyOutcome.APPLIED, result.problem
    monkeypatch.setattr(Host, "boot_id", lambda _host: "00000000-0000-4000-8000-000000000001")
    with open_session(host, state, command="test") as session:
        recovered = recover(session)
        undone = rollback(session)
    fates = {step.key.rpartition(":")[2]: step.fate.value for step in (*recovered.steps, *undone.steps)}
    assert fates["mount"] == fate
    assert mount_point.exists() is not comes_back


@pytest.mark.parametrize("fstype", SIZES)
@pytest.mark.parametrize("by_script", [False, True], ids=["rollback", "script"])
def test_the_mode_of_a_filesystem_comes_back_where_the_boot_left_it_unmounted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, fstype: FilesystemType, by_script: bool
) -> None:
    """What the root of the filesystem was before is inside of it, and so is what we made of it."""
    host, state, image = Host(), bench.directory / "state", bench.image(SIZES[fstype])
    bench.attach(image)
    uuid = str(uuid4())
    named = f"uuid={uuid}" if fstype is FilesystemType.XFS else uuid
    run(f"mkfs.{fstype}", *_GIVE_UUID[fstype], named, "-L", "ledger", str(image))
    mount_point, look = bench.directory / "mnt", bench.directory / "look"
    bench.undo("btrfs", "device", "scan", "--forget")
    entry = replace(entry_for(image, mount_point, fstype), make=None, uuid=Setting(value=uuid))
    result = apply_profile(host, profile_of(entry), state)
    assert result.outcome is ApplyOutcome.APPLIED, result.problem
    assert mount_point.stat().st_mode & 0o777 == 0o750
    run("umount", str(mount_point))
    monkeypatch.setattr(Host, "boot_id", lambda _host: "00000000-0000-4000-8000-000000000001")
    if by_script:
        (script,) = (state / "undo").glob("*.sh")
        booted = script.read_text().replace("boot='", "boot='another ")
        script.write_text(booted)
        assert "restored: filesystem" in subprocess.check_output(["sh", script], text=True)
    else:
        with open_session(host, state, command="test") as session:
            recover(session)
            undone = rollback(session)
        assert {step.fate.value for step in undone.steps} <= {"restored", "already-original"}
    assert not mount_point.exists()
    look.mkdir()
    run("mount", "-o", "loop", str(image), str(look))
    bench.undo("umount", str(look))
    assert (look.stat().st_mode & 0o777, look.stat().st_uid) == (0o755, 0)


def test_a_filesystem_of_somebody_else_is_left_alone_and_told(bench: Bench) -> None:
    host, image = Host(), bench.image()
    run("mkfs.ext4", "-q", "-L", "ledger", str(image))
    bench.attach(image)
    entry = entry_for(image, bench.directory / "mnt", FilesystemType.EXT4)
    before = bench.digests()
    result = apply_profile(host, profile_of(entry), bench.directory / "state")
    assert result.outcome is ApplyOutcome.NOTHING
    assert {"NA-FS-002", Reason.SIGNATURE.value} <= {finding.id for finding in result.verdicts[0].findings}
    assert bench.digests() == before


@pytest.mark.parametrize("at", [5, 40])
def test_killed_inside_mkfs_it_is_unknown_and_never_tried_again(at: int, bench: Bench) -> None:
    """mkfs.xfs dies half-way and takes the agent with it (SIGKILL); the next apply touches nothing."""
    host, state, image = Host(), bench.directory / "state", bench.image(SIZES[FilesystemType.XFS])
    bench.attach(image)
    mount_point = bench.directory / "mnt"
    shim = bench.directory / "mkfs.xfs"
    kill = f"strace -f -qq -e signal=none -o /dev/null -e inject=pwrite64:signal=KILL:when={at}"
    shim.write_text(f'#!/bin/sh\n{kill} {needs.tool("mkfs.xfs")} "$@"\nkill -9 $PPID\nsleep 5\n')
    shim.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{bench.directory}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'agent'}",
    }
    argv = (sys.executable, "-m", "tests.host.datasafety.apply_once", str(image), str(mount_point), "xfs", str(state))
    killed = subprocess.run(argv, env=environment, capture_output=True, check=False, timeout=100)
    assert killed.returncode == -9, killed.stderr
    before = bench.digests()
    profile = profile_of(entry_for(image, mount_point, FilesystemType.XFS))
    result = apply_profile(host, profile, state)
    assert result.outcome is ApplyOutcome.NOTHING
    assert "unknown" in {step.fate.value for step in result.recovered}
    assert Reason.UNFINISHED.value in {finding.id for finding in result.verdicts[0].findings}
    assert bench.digests() == before


def test_drift_of_an_option_is_seen_and_mended(bench: Bench) -> None:
    host, state, image = Host(), bench.directory / "state", bench.image(SIZES[FilesystemType.EXT4])
    node = bench.attach(image)
    mount_point = bench.directory / "mnt"
    bench.undo("umount", str(mount_point))
    profile = profile_of(entry_for(image, mount_point, FilesystemType.EXT4))
    assert apply_profile(host, profile, state).outcome is ApplyOutcome.APPLIED
    run("mount", "-o", "remount,relatime,nosuid", node, str(mount_point))
    plan = make_plan(host, profile, host.facts(fresh=True), [FILESYSTEM])
    assert [item.key for item in plan.items] == [f"filesystem:{mount_point}:mount"]
    assert plan.tunables[0].verdict.state is State.DRIFT
    assert apply_profile(host, profile, state).outcome is ApplyOutcome.APPLIED
    mount = top_mount(host, str(mount_point))
    assert mount is not None
    assert {"noatime", "nosuid"} <= mount.options
