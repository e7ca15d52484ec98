"""C17b: links and directories that somebody without our rights planted where a benchmark works as root.

Root makes its files in a directory of another user here, as in production. Not one byte is written outside of what was
made, and what was planted stays as it is.
"""

import os
import stat
from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.datasafety import NotSafeError, Reason, TestArea, make_test_area, sweep
from nodeagent.host.state_directory import ensure_state_directory
from nodeagent.model.errors import HostError, RefusedError
from tests.host.datasafety.loops import MIB, Bench, run
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [pytest.mark.host, need_root]

NOBODY = 65534


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return ensure_state_directory(tmp_path / "state")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory of another user, with something of root's in reach that must not be touched."""
    tmp_path.chmod(0o755)
    directory = tmp_path / "place"
    directory.mkdir()
    os.chown(directory, NOBODY, NOBODY)
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("precious")
    return directory


def by_nobody(link: Path, target: Path) -> Path:
    link.symlink_to(target)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    return link


def test_a_link_of_another_user_in_the_place_of_the_directory_is_refused(place: Path, state: Path) -> None:
    link = by_nobody(place / "bench", place.parent / "victim")
    with pytest.raises(NotSafeError) as refused:
        make_test_area(Host(), link, MIB, state_directory=state)
    assert refused.value.ids == (Reason.AREA_UNTRUSTED_PATH.value,)
    assert [path.name for path in (place.parent / "victim").iterdir()] == ["precious"]


def test_a_link_of_another_user_on_the_way_is_refused(place: Path, state: Path) -> None:
    by_nobody(place / "way", place.parent)
    with pytest.raises(NotSafeError) as refused:
        make_test_area(Host(), place / "way" / "victim", MIB, state_directory=state)
    assert refused.value.ids == (Reason.AREA_UNTRUSTED_PATH.value,)


def test_a_link_of_root_in_a_directory_of_another_user_is_refused(place: Path, state: Path) -> None:
    (place / "bench").symlink_to(place.parent / "victim")
    with pytest.raises(NotSafeError) as refused:
        make_test_area(Host(), place / "bench", MIB, state_directory=state)
    assert refused.value.ids == (Reason.AREA_UNTRUSTED_PATH.value,)


def test_a_link_of_root_that_only_root_could_make_is_followed(place: Path, state: Path) -> None:
    link = place.parent / "link"
    link.symlink_to(place)
    with make_test_area(Host(), link, MIB, state_directory=state) as area:
        assert area.path.parent.parent == place


@pytest.mark.parametrize("what", ["link", "file", "directory"])
def test_a_taken_name_is_not_used(what: str, place: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is random; were it known, nothing would be gained."""
    monkeypatch.setattr("secrets.token_hex", lambda _count: "known")
    name = place / "nodeagent-test-known"
    if what == "link":
        by_nobody(name, place.parent / "victim")
    elif what == "file":
        name.write_text("planted")
    else:
        name.mkdir()
        (name / "data").write_text("planted")
    with pytest.raises(HostError, match="File exists"):
        make_test_area(Host(), place, MIB, state_directory=state)
    assert [path.name for path in (place.parent / "victim").iterdir()] == ["precious"]
    planted = name / "data" if what == "directory" else name
    assert planted.is_symlink() or planted.read_text() == "planted"


def test_a_directory_exchanged_while_it_is_used_is_noticed(place: Path, state: Path) -> None:
    """The owner of the place renames ours away and links to the victim: neither written to nor removed."""
    area = make_test_area(Host(), place, MIB, state_directory=state)
    area.require_in_place()
    moved = place / "moved"
    area.directory.rename(moved)
    by_nobody(area.directory, place.parent / "victim")
    with pytest.raises(NotSafeError) as refused:
        area.require_in_place()
    assert refused.value.ids == (Reason.AREA_NOT_OURS.value,)
    os.pwrite(area.fd, b"through the descriptor", 0)
    assert (moved / "data").read_bytes().startswith(b"through")
    with pytest.raises(RefusedError):
        area.remove()
    assert (place.parent / "victim" / "precious").read_text() == "precious"
    assert area.directory.is_symlink()


@pytest.mark.parametrize(("other_file", "other_owner"), [(True, True), (True, False), (False, True)])
def test_a_file_exchanged_before_a_sweep_stays(other_file: bool, other_owner: bool, place: Path, state: Path) -> None:
    """Either tells that it is not the one that was made: its inode, or its owner."""
    area = _left_behind(place, state)
    if other_file:
        (area.directory / "data").rename(area.directory / "aside")
    (area.directory / "data").write_text("of somebody else")
    if other_owner:
        os.chown(area.directory / "data", NOBODY, NOBODY)
    swept = sweep(Host(), state)
    assert swept.removed == ()
    assert Reason.AREA_NOT_OURS.value in swept.left[0][1]
    assert (area.directory / "data").read_text() == "of somebody else"


def test_a_directory_exchanged_before_a_sweep_stays(place: Path, state: Path) -> None:
    area = _left_behind(place, state)
    area.directory.rename(place / "aside")
    by_nobody(area.directory, place.parent / "victim")
    assert sweep(Host(), state).removed == ()
    assert (place.parent / "victim" / "precious").read_text() == "precious"


def test_a_hard_link_to_our_file_loses_its_content(place: Path, state: Path) -> None:
    area = make_test_area(Host(), place, MIB, state_directory=state)
    (place / "second-name").hardlink_to(area.path)
    with pytest.raises(NotSafeError) as refused:
        area.remove()
    assert refused.value.ids == (Reason.AREA_NOT_OURS.value,)
    assert (place / "second-name").stat().st_size == 0


@pytest.mark.parametrize("what", ["link", "other owner", "open to all", "file"])
def test_a_planted_folder_for_the_notes_is_refused(what: str, place: Path, state: Path) -> None:
    notes = state / "benchmarks"
    match what:
        case "link":
            by_nobody(notes, place.parent / "victim")
        case "file":
            notes.write_text("")
        case _:
            notes.mkdir(mode=0o700)
            if what == "other owner":
                os.chown(notes, NOBODY, NOBODY)
            else:
                notes.chmod(0o777)
    for attempt in (lambda: make_test_area(Host(), place, MIB, state_directory=state), lambda: sweep(Host(), state)):
        with pytest.raises(NotSafeError) as refused:
            attempt()
        assert refused.value.ids == (Reason.AREA_STATE_DIRECTORY.value,)
    assert list(place.iterdir()) == []
    assert [path.name for path in (place.parent / "victim").iterdir()] == ["precious"]


@pytest.mark.parametrize("what", ["symbolic link", "hard link", "fifo", "garbage", "other name"])
def test_a_planted_note_removes_nothing(what: str, place: Path, state: Path) -> None:
    _left_behind(place, state)
    [note] = (state / "benchmarks").iterdir()
    text = note.read_text()
    planted = state / "benchmarks" / "nodeagent-test-0123.json"
    match what:
        case "symbolic link":
            by_nobody(planted, place.parent / "victim" / "precious")
        case "hard link":
            planted.hardlink_to(place.parent / "victim" / "precious")
        case "fifo":
            os.mkfifo(planted)
        case "garbage":
            planted.write_text("[1, 2\n")
        case _:
            planted.write_text(text)
    note.unlink()
    swept = sweep(Host(), state)
    assert swept.removed == ()
    assert [path for path, _ in swept.left] == [os.fspath(planted)]
    assert (place.parent / "victim" / "precious").read_text() == "precious"
    assert len(list(place.iterdir())) == 1


@need_kernel("/dev/loop-control")
@need_tool("losetup", "mkfs.ext4", "mount")
def test_a_place_on_another_filesystem_than_expected_is_refused(bench: Bench) -> None:
    """The ledger isn't mounted: the directory is there all the same, on the root filesystem."""
    node = bench.attach(bench.image(64 * MIB))
    run("mkfs.ext4", "-q", "-F", node)
    mount_point = bench.folder()
    state = ensure_state_directory(bench.directory / "state")
    with pytest.raises(NotSafeError) as refused:
        make_test_area(Host(), mount_point, MIB, state_directory=state, expected_mount=mount_point)
    assert refused.value.ids == (Reason.AREA_OTHER_FILESYSTEM.value,)
    run("mount", node, str(mount_point))
    bench.undo("umount", str(mount_point))
    with make_test_area(Host(), mount_point, MIB, state_directory=state, expected_mount=mount_point) as area:
        status = area.path.stat()
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert status.st_dev == mount_point.stat().st_dev
        assert status.st_blocks * 512 >= MIB
    assert [path.name for path in mount_point.iterdir()] == ["lost+found"]


@need_kernel("/dev/loop-control")
@need_tool("losetup", "mkfs.ext4", "mount")
def test_what_lies_on_a_filesystem_that_is_not_mounted_is_not_forgotten(bench: Bench) -> None:
    node = bench.attach(bench.image(64 * MIB))
    run("mkfs.ext4", "-q", "-F", node)
    mount_point = bench.folder()
    state = ensure_state_directory(bench.directory / "state")
    run("mount", node, str(mount_point))
    bench.undo("umount", str(mount_point))
    _left_behind(mount_point, state)
    run("umount", str(mount_point))
    assert "is on" in sweep(Host(), state).left[0][1]
    run("mount", node, str(mount_point))
    assert len(sweep(Host(), state).removed) == 1
    assert [path.name for path in mount_point.iterdir()] == ["lost+found"]
    assert list((state / "benchmarks").iterdir()) == []


@need_kernel("/dev/loop-control")
@need_tool("losetup", "mkfs.ext4", "mount")
def test_a_full_filesystem_is_refused_before_it_is_filled(bench: Bench) -> None:
    node = bench.attach(bench.image(64 * MIB))
    run("mkfs.ext4", "-q", "-F", node)
    mount_point = bench.folder()
    run("mount", node, str(mount_point))
    bench.undo("umount", str(mount_point))
    state = ensure_state_directory(bench.directory / "state")
    with pytest.raises(NotSafeError) as refused:
        make_test_area(Host(), mount_point, 48 * MIB, state_directory=state)
    assert refused.value.ids == (Reason.AREA_NO_SPACE.value,)
    with make_test_area(Host(), mount_point, 24 * MIB, state_directory=state):
        free = os.statvfs(mount_point)
        assert free.f_bavail * free.f_frsize >= free.f_blocks * free.f_frsize // 4


def _left_behind(place: Path, state: Path) -> TestArea:
    """A test area whose benchmark was killed: nothing tidied up, its lock gone."""
    area = make_test_area(Host(), place, MIB, state_directory=state)
    area._record.close()
    for descriptor in (area.fd, area._directory_fd, area._place.fd):
        os.close(descriptor)
    return area
