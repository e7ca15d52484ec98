"""Campaign C17: nothing that must not be written is written, and the refusal names the reason.

Every scenario (scenarios.py) is held against every tool that could write: the mkfs change, the filesystem tunable
(plan, and apply of what it plans), and a benchmark pointed at the drive. The checksum of every image is the same before
and after, and neither mkfs nor fio was started.
"""

from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.changes import observe, perform
from nodeagent.host.datasafety import NotSafeError, Reason, make_test_area
from nodeagent.model.change import MakeFilesystem
from nodeagent.model.facts import BlockDevice
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Setting
from nodeagent.tune.filesystems.settings import FilesystemEntry, FilesystemType, Make
from nodeagent.tune.tunables.filesystem import FILESYSTEM
from tests.host.datasafety.loops import MIB, Bench, Recorder, device_at
from tests.host.datasafety.scenarios import SCENARIOS, Drive
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [
    pytest.mark.host,
    need_root,
    need_kernel("/dev/loop-control"),
    need_tool("losetup", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "sfdisk", "cryptsetup", "blkid", "wipefs", "unshare"),
]

TOOLS = ("make a filesystem", "plan and apply a profile", "benchmark a path")
_WRITERS = ("mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "mke2fs", "fio", "dd", "mount")
_done: set[str] = set()


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    directory = tmp_path / "programs"
    directory.mkdir()
    return Recorder(directory, _WRITERS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_written_and_the_reason_is_named(
    name: str, bench: Bench, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = SCENARIOS[name](bench)
    before = bench.digests()
    monkeypatch.setenv("PATH", recorder.search_path)
    host = Host()
    device = device_at(host, drive.node)
    _try_to_make_a_filesystem(host, device, drive)
    _try_to_plan(host, bench, device, drive)
    _try_to_benchmark(host, bench, drive)
    assert bench.digests() == before
    assert recorder.started() == []
    _done.add(name)


def test_the_campaign_has_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    """Says what was held in this process; another worker of a parallel run says the rest."""
    with capsys.disabled():
        print(f"\nC17: {len(_done)} scenarios, {len(TOOLS)} tools, 0 bytes changed")
    assert len(SCENARIOS) >= 24


def _try_to_make_a_filesystem(host: Host, device: BlockDevice, drive: Drive) -> None:
    change = MakeFilesystem(
        key="c17", tunable="filesystem", device=device.identity, fstype="ext4", label="c17", uuid=_UUID
    )
    state = observe(host, change).state
    assert state not in (change.before_state(), change.after_state())
    with pytest.raises(NotSafeError) as refused:
        perform(host, change)
    # Two loop devices on one file can't be told apart, which is found before anything else is looked at.
    ambiguous = Reason.NOT_UNIQUE in drive.reasons
    gave_up_at_the_door = refused.value.ids[0] in (Reason.CLAIMED, Reason.READ_ONLY, Reason.NOT_UNIQUE)
    wanted = {Reason.NOT_UNIQUE} if ambiguous else set(drive.reasons)
    assert gave_up_at_the_door or wanted <= set(refused.value.ids), refused.value


_UUID = "c17c17c1-7c17-4c17-8c17-c17c17c17c17"


def _try_to_plan(host: Host, bench: Bench, device: BlockDevice, drive: Drive) -> None:
    entry = FilesystemEntry(
        mount_point=str(bench.directory / "mount-point"),
        device=DeviceSelector(backing_file=device.backing_file, size_at_most_bytes=device.size_bytes),
        type=Setting(value=FilesystemType.EXT4),
        label=Setting(value="c17"),
        make=Setting(value=Make.WHEN_EMPTY),
    )
    facts = host.facts(fresh=True)
    observed = FILESYSTEM.observe(host, (entry,), facts)
    assert FILESYSTEM.plan(observed, (entry,), facts) == ()
    told = {finding.id for finding in FILESYSTEM.judge(observed, (entry,), facts).findings}
    wanted = {Reason.NOT_UNIQUE} if Reason.NOT_UNIQUE in drive.reasons else set(drive.reasons)
    assert wanted <= told, told


def _try_to_benchmark(host: Host, bench: Bench, drive: Drive) -> None:
    link = bench.directory / "link-to-drive"
    link.symlink_to(drive.node)
    for path in (Path(drive.node), link, *bench.images, *drive.raw):
        with pytest.raises(NotSafeError) as refused:
            make_test_area(host, path, MIB, state_directory=bench.directory / "state")
        wanted = Reason.AREA_RAW_DEVICE if path.is_block_device() else Reason.AREA_NOT_A_DIRECTORY
        assert refused.value.ids == (wanted.value,)
    assert not (bench.directory / "state").exists()
