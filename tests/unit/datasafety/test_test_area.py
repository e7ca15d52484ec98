"""A benchmark's file: made where it should be, counted, noted, and gone afterwards."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.host import Host
from nodeagent.host.datasafety import NotSafeError, Reason, TestArea, look_at_place, make_test_area, sweep
from nodeagent.host.datasafety.place import floor_bytes
from nodeagent.model.errors import HostError

MIB = 1024 * 1024
GIB = 1024 * MIB


@pytest.fixture
def state(tmp_path: Path) -> Path:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "place"
    directory.mkdir()
    return directory


@pytest.fixture
def area(place: Path, state: Path) -> Iterator[TestArea]:
    with make_test_area(Host(), place, MIB, state_directory=state) as made:
        yield made


def test_the_file_is_ours_alone_and_really_allocated(area: TestArea, place: Path) -> None:
    directory, file = area.directory.stat(), area.path.stat()
    assert stat.S_IMODE(directory.st_mode) == 0o700
    assert stat.S_IMODE(file.st_mode) == 0o600
    assert file.st_size == MIB
    assert file.st_blocks * 512 >= MIB
    assert area.directory.parent == place
    assert Path(area.target).stat().st_ino == file.st_ino
    area.require_in_place()


def test_it_is_noted_before_and_gone_after(place: Path, state: Path) -> None:
    with make_test_area(Host(), place, MIB, state_directory=state) as area:
        [note] = (state / "benchmarks").iterdir()
        first, second = (json.loads(line) for line in note.read_text().splitlines())
        assert (first["place"], first["name"]) == (str(place), area.directory.name)
        assert second["file"][1] == area.path.stat().st_ino
    assert list(place.iterdir()) == []
    assert list((state / "benchmarks").iterdir()) == []
    area.remove()


def test_two_at_once_do_not_meet(place: Path, state: Path, area: TestArea) -> None:
    with make_test_area(Host(), place, MIB, state_directory=state) as other:
        assert other.path != area.path
    assert area.path.exists()


def test_a_living_benchmark_is_not_swept(area: TestArea, state: Path) -> None:
    swept = sweep(Host(), state)
    assert (swept.removed, swept.left) == ((), ())
    assert area.path.exists()


def test_what_a_killed_benchmark_left_is_swept(place: Path, state: Path) -> None:
    area = make_test_area(Host(), place, MIB, state_directory=state)
    area._record.close()
    assert sweep(Host(), state).removed == (str(area.directory),)
    assert list(place.iterdir()) == []
    assert list((state / "benchmarks").iterdir()) == []
    for descriptor in (area.fd, area._directory_fd, area._place.fd):
        os.close(descriptor)


@pytest.mark.parametrize("keep", [0, 1, 10])
def test_a_note_that_was_torn_before_anything_was_made_is_dropped(keep: int, place: Path, state: Path) -> None:
    with make_test_area(Host(), place, MIB, state_directory=state):
        [note] = (state / "benchmarks").iterdir()
        text = note.read_text()
    note.write_text(text[:keep])
    note.chmod(0o600)
    assert sweep(Host(), state).left == ()
    assert list((state / "benchmarks").iterdir()) == []


def test_a_note_without_its_second_line_still_leads_to_what_was_made(place: Path, state: Path) -> None:
    """Killed between mkdir and the note of the inodes: the name, which nobody could guess, and the owner decide."""
    with make_test_area(Host(), place, MIB, state_directory=state) as area:
        [note] = (state / "benchmarks").iterdir()
        first = note.read_text().splitlines(keepends=True)[0]
        name = area.directory.name
    note.write_text(first + '{"direct')
    note.chmod(0o600)
    (place / name).mkdir(mode=0o700)
    assert sweep(Host(), state).removed == (str(place / name),)
    assert list(place.iterdir()) == []


def test_somebody_elses_file_beside_ours_stays_and_is_told(place: Path, state: Path) -> None:
    area = make_test_area(Host(), place, MIB, state_directory=state)
    (area.directory / "other").write_text("not ours")
    with pytest.raises(HostError, match="Directory not empty"):
        area.remove()
    assert (area.directory / "other").read_text() == "not ours"
    assert "not empty" in sweep(Host(), state).left[0][1]


def test_nothing_to_sweep_where_nothing_was_ever_made(state: Path) -> None:
    swept = sweep(Host(), state)
    assert (swept.removed, swept.left) == ((), ())


@pytest.mark.parametrize("size_bytes", [-1, 0, 1, MIB - 1, 10 * MIB])
def test_a_size_out_of_bounds_is_refused(size_bytes: int, place: Path, state: Path) -> None:
    with pytest.raises(NotSafeError) as refused:
        make_test_area(Host(), place, size_bytes, state_directory=state, largest_bytes=8 * MIB)
    assert refused.value.ids == (Reason.AREA_SIZE.value,)


def test_more_than_there_is_room_for_is_refused(place: Path, state: Path) -> None:
    free = look_at_place(Host(), place).free_bytes
    with pytest.raises(NotSafeError) as refused:
        make_test_area(Host(), place, free, state_directory=state, largest_bytes=free)
    assert refused.value.ids == (Reason.AREA_NO_SPACE.value,)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/dev/null", Reason.AREA_RAW_DEVICE),
        ("/etc/passwd", Reason.AREA_NOT_A_DIRECTORY),
        ("/etc/passwd/x", Reason.AREA_NOT_A_DIRECTORY),
        ("/no/such/place", Reason.AREA_NOT_A_DIRECTORY),
        ("/proc", Reason.AREA_NOT_A_DIRECTORY),
        ("/sys/kernel", Reason.AREA_NOT_A_DIRECTORY),
    ],
)
def test_what_is_no_directory_of_a_filesystem_is_refused(path: str, reason: Reason, state: Path) -> None:
    with pytest.raises(NotSafeError) as refused:
        look_at_place(Host(), Path(path))
    assert refused.value.ids == (reason.value,)


def test_a_link_to_a_device_is_a_device(tmp_path: Path) -> None:
    link = tmp_path / "innocent"
    link.symlink_to("/dev/null")
    with pytest.raises(NotSafeError) as refused:
        look_at_place(Host(), link)
    assert refused.value.ids == (Reason.AREA_RAW_DEVICE.value,)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(NotSafeError):
        look_at_place(Host(), tmp_path / "a")


def test_another_mount_than_the_expected_one_is_refused(place: Path) -> None:
    assert look_at_place(Host(), place).mount_point
    with pytest.raises(NotSafeError) as refused:
        look_at_place(Host(), place, expected_mount=place)
    assert refused.value.ids == (Reason.AREA_OTHER_FILESYSTEM.value,)


def test_a_captured_tree_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(NotSafeError):
        look_at_place(Host(root=tmp_path), tmp_path)


@given(st.integers(0, 2**60))
def test_a_tenth_stays_free_and_on_small_filesystems_up_to_a_quarter(total: int) -> None:
    floor = floor_bytes(total)
    assert total // 10 <= floor <= max(total // 4, total // 10)
    assert total < 80 * GIB or floor >= 20 * GIB
