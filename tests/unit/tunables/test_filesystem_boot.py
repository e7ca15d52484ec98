"""What brings a mount back: written it is as wanted, undone every byte is as before, whatever stood in fstab."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.host import changes
from nodeagent.model.change import PlanItem, WriteConfig
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Mode, Setting
from nodeagent.model.verdict import State
from nodeagent.tune.filesystems.settings import FilesystemEntry, FilesystemType, Persist
from nodeagent.tune.tunables.filesystem import FILESYSTEM
from tests.fixtures.tree import Tree
from tests.plans.drives import HostWithDrives

UUID = "0b5e55ed-0000-4000-8000-000000000001"
TYPES = tuple(FilesystemType)
ours = [f"UUID={UUID} /mnt/a ext4 noatime 0 2", f"UUID={UUID}\t/mnt/a ext4 noauto,relatime", "/dev/sda1 /mnt/a ext4 x"]
lines = st.sampled_from(["# a comment", "", "UUID=ab / ext4 errors=remount-ro 0 1", "\tnone swap", "garbage", *ours])
tables = st.builds(lambda rows, end: "\n".join(rows) + end, st.lists(lines, max_size=6), st.sampled_from(["", "\n"]))
options = st.lists(st.sampled_from(["noatime", "nodev", "nofail", "discard", "x-systemd.requires=a"]), unique=True)


def make(root: Path, *, table: str | None, fstype: FilesystemType) -> HostWithDrives:
    """A machine whose filesystem is mounted in its place."""
    tree = Tree(root=root)
    mountinfo = f"40 22 259:0 / /mnt/a rw,noatime,nodev - {fstype} /dev/nvme0n1 rw,discard"
    for path, text in {
        "/sys/block/nvme0n1/dev": "259:0",
        "/sys/block/nvme0n1/size": "2000000",
        "/sys/block/nvme0n1/device/serial": "S1",
        "/proc/self/mountinfo": mountinfo,
        "/mnt/a/file": "",
        "/run/systemd/system/x": "",
        "/etc/systemd/system/local-fs.target.d/x": "",
    }.items():
        tree.file(path, text)
    tree.link(f"/dev/disk/by-uuid/{UUID}", "/dev/nvme0n1")
    if table is not None:
        tree.file("/etc/fstab", table.encode(), mode=0o640)
    held = {"id": "NA-DISK-015", "reason": "mounted"}
    signature = {"type": fstype.value, "label": "a", "uuid": UUID}
    return HostWithDrives(root=root, drives={"nvme0n1": {"signatures": [signature], "refusals": [held]}})


def plan(host: HostWithDrives, entry: FilesystemEntry) -> Sequence[PlanItem]:
    facts = host.facts(fresh=True)
    return FILESYSTEM.plan(FILESYSTEM.observe(host, (entry,), facts), (entry,), facts)


def content(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (root / "etc").rglob("*") if path.is_file()}


@given(
    table=st.none() | tables,
    fstype=st.sampled_from(TYPES),
    wanted=options,
    persist=st.sampled_from(Persist),
    mode=st.sampled_from(Mode),
)
@settings(max_examples=150, deadline=None)
def test_written_it_is_as_wanted_and_undone_every_byte_is_back(
    table: str | None, fstype: FilesystemType, wanted: list[str], persist: Persist, mode: Mode
) -> None:
    entry = FilesystemEntry(
        mount_point="/mnt/a",
        device=DeviceSelector(serial="S1"),
        type=Setting(value=fstype),
        label=Setting(value="a"),
        options=Setting(value=tuple(wanted), mode=Mode.WARN),
        persist=Setting(value=persist, mode=mode),
    )
    with TemporaryDirectory() as directory:
        root = Path(directory)
        host = make(root, table=table, fstype=fstype)
        before = content(root)
        made = [item for item in plan(host, entry) if isinstance(item, WriteConfig)]
        assert not made or (mode is Mode.ENFORCE and persist is not Persist.NEVER)
        raws = []
        for change in made:
            looked = changes.observe(host, change)
            assert looked.state == change.before_state()
            raws.append(looked.raw)
            changes.perform(host, change)
            assert changes.observe(host, change).state == change.after_state()
        assert plan(host, entry) == ()
        if made:
            facts = host.facts(fresh=True)
            verdict = FILESYSTEM.judge(FILESYSTEM.observe(host, (entry,), facts), (entry,), facts)
            boot = next(finding for finding in verdict.findings if finding.subject.endswith(":boot"))
            assert boot.state is State.OK
        for change, raw in zip(reversed(made), reversed(raws), strict=True):
            back = changes.inverse(change, raw=raw)
            assert back is not None
            changes.perform(host, back)
        assert content(root) == before
        if table is not None:
            assert (root / "etc/fstab").stat().st_mode & 0o777 == 0o640
