"""Whatever is on the drives and whatever a profile asks for: applied it is done, undone only what was made is left."""

from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.model.change import Change, Deferred, MakeFilesystem, PlanItem
from nodeagent.model.occupancy import Signature
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Mode, Setting
from nodeagent.model.verdict import State
from nodeagent.tune.filesystems.settings import FilesystemEntry, FilesystemType, Make, faults
from nodeagent.tune.tunables.filesystem import FILESYSTEM
from tests.unit.datasafety.fake_machine import ROOT_OWNED, FakeMachine, copy

Entries = tuple[FilesystemEntry, ...]
DRIVES = ("nvme0n1", "nvme1n1", "nvme2n1")
UUID = "0b5e55ed-0000-4000-8000-00000000000{}"

modes = st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE, Mode.WARN, Mode.IGNORE])
options = st.lists(
    st.sampled_from(["noatime", "nodev", "nosuid", "discard", "commit=30", "nofail", "ro"]), unique=True, max_size=4
)


@st.composite
def entries(draw: st.DrawFn) -> Entries:
    made = []
    for number, drive in enumerate(draw(st.permutations([*DRIVES, "nosuch"]))[: draw(st.integers(1, 3))]):
        make = draw(st.sampled_from([None, Make.NEVER, *[Make.WHEN_EMPTY] * 4]))
        mode = draw(st.none() | st.sampled_from(["0755", "0700", "2770"]))
        adopts = draw(st.booleans()) and make is not Make.WHEN_EMPTY
        owner = draw(st.none() | st.sampled_from(["sol", "root", "1234", "nosuch"]))
        made.append(
            FilesystemEntry(
                mount_point=draw(st.sampled_from([f"/mnt/p{number}", f"/srv/deep/p{number}"])),
                device=DeviceSelector(serial=drive.upper()),
                type=Setting(value=draw(st.sampled_from([FilesystemType.EXT4, *FilesystemType]))),
                label=Setting(value=draw(st.sampled_from(["a", "a", "b"]))),
                uuid=Setting(value=UUID.format([*DRIVES, "nosuch"].index(drive))) if adopts else None,
                options=Setting(value=tuple(draw(options)), mode=draw(modes)) if draw(st.booleans()) else None,
                owner=Setting(value=owner, mode=draw(modes)) if owner else None,
                mode=Setting(value=mode, mode=draw(modes)) if mode else None,
                make=Setting(value=make, mode=draw(modes)) if make else None,
            )
        )
    return tuple(made)


@st.composite
def machines(draw: st.DrawFn) -> FakeMachine:
    contents: dict[str, Signature | None] = {}
    roots = {}
    for number, drive in enumerate(DRIVES):
        kind = draw(st.sampled_from([None, None, None, "ext4", "ext4", "xfs", "btrfs", "crypto_LUKS"]))
        label, uuid = draw(st.sampled_from(["a", "a", "b"])), UUID.format(number)
        contents[drive] = Signature(type=kind, label=label, uuid=uuid) if kind else None
        roots[drive] = ROOT_OWNED
    blank = [drive for drive in DRIVES if contents[drive] is None]
    junk = draw(st.sets(st.sampled_from(blank), max_size=1)) if blank else set()
    return FakeMachine(contents=contents, junk=frozenset(junk), roots=roots)


@settings(max_examples=400)
@given(machine=machines(), wanted=entries())
def test_applied_it_is_done_and_undone_only_filesystems_are_left(machine: FakeMachine, wanted: Entries) -> None:
    assert list(faults(wanted)) == []
    before = copy(machine)
    done = _apply(machine, wanted)
    assert _plan(machine, wanted) == ()
    for finding in FILESYSTEM.judge(
        FILESYSTEM.observe(machine, wanted, machine.facts()), wanted, machine.facts()
    ).findings:
        assert (finding.remedy == "") is (finding.state is State.OK), finding
    for change in reversed(done):
        back = change.inverse()
        if back is not None:
            machine.perform(back)
    assert (machine.directories, machine.mounted) == (before.directories, before.mounted)
    made = {change.device.name for change in done if isinstance(change, MakeFilesystem)}
    untouched = {drive: content for drive, content in machine.contents.items() if drive not in made}
    assert untouched == {drive: before.contents[drive] for drive in untouched}


@settings(max_examples=400)
@given(machine=machines(), wanted=entries())
def test_a_filesystem_is_made_only_on_a_blank_drive_that_may_get_one(machine: FakeMachine, wanted: Entries) -> None:
    allowed = {
        entry.device.serial
        for entry in wanted
        if entry.device and entry.make and entry.make.value is Make.WHEN_EMPTY and entry.make.mode is Mode.ENFORCE
    }
    for item in _plan(machine, wanted):
        if isinstance(item, MakeFilesystem):
            assert machine.contents[item.device.name] is None
            assert item.device.name not in machine.junk
            assert item.device.serial in allowed


@settings(max_examples=200)
@given(machine=machines(), wanted=entries(), drift=st.sampled_from([("noatime", "relatime"), ("nodev", "dev")]))
def test_a_drifted_option_is_mended_and_the_rest_of_the_mount_kept(
    machine: FakeMachine, wanted: Entries, drift: tuple[str, str]
) -> None:
    _apply(machine, wanted)
    for target, (drive, found) in machine.mounted.items():
        machine.mounted[target] = (drive, found - {drift[0]} | ({drift[1]} & {"relatime"}))
    drifted = dict(machine.mounted)
    _apply(machine, wanted)
    assert _plan(machine, wanted) == ()
    for target, (drive, found) in machine.mounted.items():
        assert drifted[target][0] == drive
        assert drifted[target][1] - {"relatime"} <= found | {"relatime"}


def _plan(machine: FakeMachine, wanted: Entries) -> tuple[PlanItem, ...]:
    items = FILESYSTEM.plan(FILESYSTEM.observe(machine, wanted, machine.facts()), wanted, machine.facts())
    assert len({item.key for item in items}) == len(items)
    return items


def _apply(machine: FakeMachine, wanted: Entries) -> list[Change]:
    """As the engine does: a deferred step is looked up again once what it waits for is done."""
    done: list[Change] = []
    for item in _plan(machine, wanted):
        step = item
        if isinstance(item, Deferred):
            found = next((now for now in _plan(machine, wanted) if now.key == item.key), None)
            if found is None:
                continue
            step = found
        assert isinstance(step, Change)
        machine.perform(step)
        done.append(step)
    return done
