"""Joining drives, as far as a kernel without md lets it be seen: claims, refusals, what mdadm is given and leaves.

mdadm itself is the judge of superblocks that are written by hand, and a program of that name, made by the test, writes
such superblocks in its place. Arrays that run are in tests/lab/test_raid.py.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodeagent.host import Host
from nodeagent.host.changes import array, observe, perform
from nodeagent.host.datasafety import NotSafeError, Reason, own_array
from nodeagent.host.process import run as start
from nodeagent.host.raid import ArrayShown, read_superblock
from nodeagent.model.array_change import MakeArray, MembersState, array_uuid, member_order
from nodeagent.model.errors import HostError
from tests import needs
from tests.fixtures.raid_superblock import Superblock
from tests.host.datasafety.loops import MIB, Bench, Recorder, device_at, run, write_at
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [
    pytest.mark.host,
    need_root,
    need_kernel("/dev/loop-control"),
    need_tool("losetup", "mkfs.ext4", "blkid", "wipefs", "mdadm"),
]

CHUNK = 512 * 1024
_PROGRAM = """#!{python}
import fcntl, os, sys
sys.path.insert(0, {tests!r})
from tests.fixtures.raid_superblock import Superblock
uuid = next(word for word in sys.argv if word.startswith("--uuid=")).removeprefix("--uuid=").replace(":", "")
for role, path in enumerate(sys.argv[-2:]):
    if role in {writes}:
        descriptor = os.open(path, os.O_RDWR | os.O_EXCL)
        os.pwrite(descriptor, Superblock(uuid=uuid, role=role, size_bytes=32 << 20).pack(), 4096)
    other = os.open({nodes}[role], os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sys.exit("the lock of " + path + " is free")
    except BlockingIOError:
        pass
print("written", sys.argv[1:-2], file=sys.stderr)
sys.exit({code})
"""


class Pair:
    """Two empty loop devices and the change that joins them; `nodes` are in the order of the array."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.host = bench, Host()
        nodes = [bench.attach(bench.image(32 * MIB)) for _ in range(2)]
        self.nodes = sorted(nodes, key=lambda node: member_order(device_at(self.host, node).identity))
        members = tuple(device_at(self.host, node).identity for node in self.nodes)
        self.change = MakeArray(
            key="test",
            tunable="filesystem",
            members=members,
            uuid=array_uuid(members, chunk_bytes=CHUNK),
            name="mnt-test",
            chunk_bytes=CHUNK,
        )

    @property
    def images(self) -> list[Path]:
        return [Path(member.backing_file) for member in self.change.members]

    def carry(self, role: int, **said: Any) -> None:
        written = Superblock(**{"uuid": self.change.uuid, "role": role, "size_bytes": 32 * MIB, **said})
        with Path(self.nodes[role]).open("r+b") as node:
            node.seek(4096)
            node.write(written.pack())

    def program(self, directory: Path, *, writes: tuple[int, ...] = (0, 1), code: int = 0) -> Path:
        """A program called mdadm that opens the drives as the real one does, and writes these members' superblocks."""
        path = directory / "mdadm"
        path.write_text(
            _PROGRAM.format(
                python=sys.executable,
                tests=str(Path(__file__).parents[3]),
                writes=writes,
                nodes=self.nodes,
                code=code,
            )
        )
        path.chmod(0o755)
        return path


@pytest.fixture
def pair(bench: Bench) -> Pair:
    return Pair(bench)


@pytest.fixture
def instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that stands first in PATH."""
    directory = tmp_path / "programs"
    directory.mkdir()
    monkeypatch.setenv("PATH", Recorder(directory, ()).search_path)
    return directory


def shown_as_running(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What sysfs would say of an array of the pair; what its members carry is still read from them."""
    members = tuple(node.removeprefix("/dev/") for node in pair.nodes)
    shown = ArrayShown(level="raid0", metadata="1.2", state="clean", devices="2", members=members)
    monkeypatch.setattr(own_array, "show_array", lambda *_: shown)
    monkeypatch.setattr(array, "_array_of", lambda *_: "md127" if read_superblock(pair.host, members[0]) else "")


def test_mdadm_reads_the_superblocks_of_the_tests_as_they_are_read_here(pair: Pair) -> None:
    for role, node in enumerate(pair.nodes):
        pair.carry(role)
        told = run("mdadm", "--examine", node)
        found = read_superblock(pair.host, node.removeprefix("/dev/"))
        assert found is not None
        digits = found.uuid.replace("-", "")
        assert f"Array UUID : {':'.join(digits[at : at + 8] for at in range(0, 32, 8))}" in told
        assert "Raid Level : raid0" in told
        assert f"Raid Devices : {found.devices}" in told
        assert f"Chunk Size : {found.chunk_bytes // 1024}K" in told
        assert f"Device Role : Active device {found.role}" in told
        assert f"Data Offset : {found.data_offset_bytes // 512} sectors" in told
        assert f"Name : {found.name}" in told
        assert "- correct" in told


def test_blkid_tells_the_uuid_that_is_compared_with_ours(pair: Pair) -> None:
    pair.carry(0)
    told = run("blkid", "-p", "-o", "export", pair.nodes[0])
    assert "TYPE=linux_raid_member\n" in told
    assert f"UUID={pair.change.uuid}\n" in told


def test_an_array_that_runs_with_our_uuid_on_all_drives_counts_as_made(
    pair: Pair, instead: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.program(instead)
    shown_as_running(pair, monkeypatch)
    assert observe(pair.host, pair.change).state == "blank"
    perform(pair.host, pair.change)
    assert observe(pair.host, pair.change).state == pair.change.after_state()


def test_an_array_that_does_not_run_is_an_error_and_told_as_stopped(pair: Pair, instead: Path) -> None:
    pair.program(instead)
    with pytest.raises(HostError, match="the drives now are: stopped"):
        perform(pair.host, pair.change)
    assert observe(pair.host, pair.change).state == "stopped"


def test_a_stopped_array_is_assembled_and_never_created_again(pair: Pair, instead: Path) -> None:
    for role in range(2):
        pair.carry(role)
    pair.program(instead, writes=())
    before = pair.bench.digests()
    with pytest.raises(NotSafeError, match="the drives are stopped, wanted blank"):
        perform(pair.host, pair.change)
    with pytest.raises(HostError, match=r"written .'--assemble'"):
        perform(pair.host, replace(pair.change, before=MembersState.STOPPED))
    assert pair.bench.digests() == before


def test_an_mdadm_that_ends_between_two_superblocks_leaves_what_is_told_and_not_touched(
    pair: Pair, instead: Path
) -> None:
    pair.program(instead, writes=(0,), code=1)
    with pytest.raises(HostError, match="unknown unfinished NA-DISK-030"):
        perform(pair.host, pair.change)
    before = pair.bench.digests()
    recorder = Recorder(instead, ("mdadm",))
    for state in (MembersState.BLANK, MembersState.STOPPED):
        with pytest.raises(NotSafeError):
            perform(pair.host, replace(pair.change, before=state))
    assert recorder.started() == []
    assert pair.bench.digests() == before


def _filesystem(pair: Pair) -> None:
    run("mkfs.ext4", "-q", pair.nodes[1])


def _byte(pair: Pair) -> None:
    write_at(pair.images[1], 20 * MIB, b"x")


def _others(pair: Pair) -> None:
    pair.carry(1, uuid="11111111-2222-3333-4444-555555555555")


def _mounted(pair: Pair) -> None:
    _filesystem(pair)
    pair.bench.mount(pair.nodes[1])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_filesystem, Reason.SIGNATURE),
        (_byte, Reason.NOT_BLANK),
        (_others, Reason.SIGNATURE),
        (_mounted, Reason.CLAIMED),
    ],
    ids=["a filesystem", "one byte", "an array of others", "a mount"],
)
def test_one_drive_that_is_not_blank_refuses_all_and_nothing_is_started(
    spoil: Callable[[Pair], None], reason: Reason, pair: Pair, instead: Path
) -> None:
    spoil(pair)
    before = pair.bench.digests()
    recorder = Recorder(instead, ("mdadm",))
    with pytest.raises(NotSafeError) as refused:
        perform(pair.host, pair.change)
    assert reason.value in refused.value.ids
    assert recorder.started() == []
    assert pair.bench.digests() == before


def test_a_filesystem_that_comes_into_being_after_the_look_is_not_written_over(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real mdadm: whoever respects neither lock nor claim got in between."""
    monkeypatch.setenv("PATH", str(Path(needs.tool("mdadm")).parent), prepend=os.pathsep)
    images: dict[str, str] = {}

    def late(command: Any) -> Any:
        run("mkfs.ext4", "-q", pair.nodes[0])
        images.update(pair.bench.digests())
        return start(command)

    monkeypatch.setattr(array, "run", late)
    with pytest.raises(HostError, match="appears to contain an ext2fs file system"):
        perform(pair.host, pair.change)
    assert pair.bench.digests() == images
    assert images


def test_a_drive_that_is_gone_is_missed_and_no_other_is_taken(pair: Pair, instead: Path) -> None:
    recorder = Recorder(instead, ("mdadm",))
    run("losetup", "--detach", pair.nodes[1])
    assert observe(pair.host, pair.change).gone
    with pytest.raises(NotSafeError, match="NA-DISK-010"):
        perform(pair.host, pair.change)
    assert recorder.started() == []
