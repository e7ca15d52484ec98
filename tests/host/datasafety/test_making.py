"""Making filesystems on empty loop devices: what was asked for, or an error, and never anything in between."""

import os
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from nodeagent.host import Host
from nodeagent.host.changes import filesystem, observe, perform
from nodeagent.host.datasafety import Claim, NotSafeError, Reason
from nodeagent.host.datasafety import claim as real_claim
from nodeagent.model.change import MakeFilesystem
from nodeagent.model.errors import HostError
from nodeagent.model.facts import BlockDevice
from nodeagent.tune.filesystems.settings import FilesystemType
from nodeagent.tune.tunables.filesystem import MKFS_OPTIONS, mkfs_options
from tests.host.datasafety.loops import MIB, Bench, device_at, run
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [
    pytest.mark.host,
    need_root,
    need_kernel("/dev/loop-control"),
    need_tool("losetup", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "blkid", "wipefs"),
]

SIZES = {FilesystemType.EXT4: 32 * MIB, FilesystemType.XFS: 304 * MIB, FilesystemType.BTRFS: 128 * MIB}


def making(host: Host, node: str, fstype: FilesystemType = FilesystemType.EXT4) -> MakeFilesystem:
    return MakeFilesystem(
        key="test",
        tunable="filesystem",
        device=device_at(host, node).identity,
        fstype=fstype.value,
        label="ledger",
        uuid=str(uuid4()),
        options=MKFS_OPTIONS[fstype],
    )


@pytest.mark.parametrize("fstype", FilesystemType)
def test_an_empty_drive_gets_the_filesystem_that_was_asked_for(fstype: FilesystemType, bench: Bench) -> None:
    host, node = Host(), bench.attach(bench.image(SIZES[fstype]))
    if fstype is FilesystemType.BTRFS:
        bench.undo("btrfs", "device", "scan", "--forget")
    change = making(host, node, fstype)
    assert observe(host, change).state == change.before_state()
    perform(host, change)
    assert observe(host, change).state == change.after_state()
    told = run("blkid", "-p", "-o", "export", node)
    assert f"UUID={change.uuid}\n" in told
    assert "LABEL=ledger\n" in told
    check = {"ext4": ("e2fsck", "-fn"), "xfs": ("xfs_repair", "-n"), "btrfs": ("btrfs", "check")}[fstype]
    run(*check, node)


@pytest.mark.parametrize(
    ("fstype", "options"),
    [
        (FilesystemType.EXT4, ("-m 0", "-i 65536", "-I 512", "-b 4096", "-J size=4", "-T largefile")),
        (FilesystemType.XFS, ("-b size=4096", "-s size=4096", "-d agcount=4", "-i maxpct=10", "-m reflink=0")),
        (FilesystemType.BTRFS, ("-m single", "-d single", "-n 16384")),
    ],
)
def test_mkfs_takes_what_a_profile_may_say_to_it(
    fstype: FilesystemType, options: tuple[str, ...], bench: Bench
) -> None:
    host, node = Host(), bench.attach(bench.image(SIZES[fstype]))
    if fstype is FilesystemType.BTRFS:
        bench.undo("btrfs", "device", "scan", "--forget")
    change = replace(making(host, node, fstype), options=mkfs_options(fstype, options))
    perform(host, change)
    assert observe(host, change).state == change.after_state()


def test_it_is_never_made_twice(bench: Bench) -> None:
    host, node = Host(), bench.attach(bench.image())
    change = making(host, node)
    perform(host, change)
    before = bench.digests()
    with pytest.raises(NotSafeError) as refused:
        perform(host, change)
    assert refused.value.ids == (Reason.SIGNATURE.value,)
    assert bench.digests() == before


def test_mkfs_gets_no_force_flag_and_no_device_name(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, node = Host(), bench.attach(bench.image())
    change = making(host, node)
    _fake_mkfs(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/arguments; exit 1')
    with pytest.raises(HostError):
        perform(host, change)
    *given, path = (tmp_path / "arguments").read_text().split()
    assert path.startswith("/proc/self/fd/")
    assert not {"-F", "-f", "--force"} & set(given)
    assert change.uuid in given


@pytest.mark.parametrize(
    ("script", "left"),
    [
        ("exit 1", "blank"),
        ("exit 0", "blank"),
        ('for last; do :; done; printf x | dd of="$last" conv=notrunc status=none', "unknown NA-DISK-033"),
        ('for last; do :; done; exec /sbin/mkfs.ext4 -q -L other "$last"', "ext4 uuid="),
    ],
)
def test_anything_but_what_was_asked_for_is_an_error(
    script: str, left: str, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, node = Host(), bench.attach(bench.image())
    change = making(host, node)
    _fake_mkfs(tmp_path, monkeypatch, script)
    with pytest.raises(HostError, match="the drive now is"):
        perform(host, change)
    state = observe(host, change).state
    assert state.startswith(left)
    assert state != change.after_state()


@pytest.mark.parametrize("fstype", FilesystemType)
def test_killed_at_any_moment_it_is_blank_or_finished_or_unknown(fstype: FilesystemType, bench: Bench) -> None:
    """SIGKILL at one write of mkfs after the other; what is called ours passes the filesystem's own check."""
    host = Host()
    seen = set()
    for at in (1, 2, 3, 4, 5, 8, 16, 30, 45, 60, 63, 64, 65, 66, 70, 200, 310, 318):
        node = bench.attach(bench.image(SIZES[fstype]))
        change = making(host, node, fstype)
        finished = _mkfs_killed(change, node, at)
        state = observe(host, change).state
        if state == change.after_state():
            run(*{"ext4": ("e2fsck", "-fn"), "xfs": ("xfs_repair", "-n"), "btrfs": ("btrfs", "check")}[fstype], node)
        else:
            assert state == "blank" or state.startswith("unknown "), (at, state)
            assert not finished, at
        seen.add(state.split()[0])
        run("losetup", "--detach", node)
    assert "unknown" in seen


def test_who_takes_the_drive_first_keeps_it(bench: Bench) -> None:
    """Somebody else claims and gives back the drive all the time: made, or refused with nothing written."""
    host = Host()
    for _ in range(12):
        node = bench.attach(bench.image())
        change = making(host, node)
        with _rival(node):
            expected = _outcome(host, change)
        assert observe(host, change).state == expected


def _outcome(host: Host, change: MakeFilesystem) -> str:
    """The state that the drive must have after what `perform` said."""
    try:
        perform(host, change)
    except (NotSafeError, HostError):
        return change.before_state()
    return change.after_state()


def test_a_mount_between_the_look_and_the_claim_is_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    host, node = Host(), bench.attach(bench.image())
    change = making(host, node)

    def mount_then_claim(host: Host, device: BlockDevice) -> Claim:
        run("mkfs.ext4", "-q", "-F", node)
        bench.mount(node)
        before.update(bench.digests())
        return real_claim(host, device)

    before: dict[str, str] = {}
    monkeypatch.setattr(filesystem, "claim", mount_then_claim)
    with pytest.raises(NotSafeError) as refused:
        perform(host, change)
    assert refused.value.ids == (Reason.CLAIMED.value,)
    assert bench.digests() == before


def test_nobody_can_mount_it_while_it_is_looked_at(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    host, node = Host(), bench.attach(bench.image())
    run("mkfs.ext4", "-q", "-F", node)
    target = bench.folder()
    with real_claim(host, device_at(host, node)):
        with pytest.raises(AssertionError, match="already mounted or mount point busy"):
            run("mount", node, str(target))
        with pytest.raises(AssertionError, match="apparently in use"):
            run("mkfs.ext4", "-q", node)
    run("mount", "-o", "ro,noload", node, str(target))
    bench.undo("umount", str(target))


@contextmanager
def _rival(node: str) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=_claim_now_and_then, args=(node, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _claim_now_and_then(node: str, stop: threading.Event) -> None:
    while not stop.wait(0.002):
        try:
            descriptor = os.open(node, os.O_RDONLY | os.O_EXCL)
        except OSError:
            continue
        stop.wait(0.002)
        os.close(descriptor)


def _fake_mkfs(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = directory / "mkfs.ext4"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


def _mkfs_killed(change: MakeFilesystem, node: str, at: int) -> bool:
    """Run what the change would, and kill it at its `at`th write or fsync; did it finish before?"""
    strace = ("strace", "-f", "-qq", "-e", "signal=none", "-o", "/dev/null", "-e", "trace=pwrite64,fsync")
    inject = ("-e", f"inject=pwrite64,fsync:signal=KILL:when={at}")
    argv = (*strace, *inject, *shlex.split(change.command())[:-1], node)
    return subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
