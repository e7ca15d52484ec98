"""Observing and performing changes below an injected root: one step each, nothing outside of it, errors that help."""

import os
from pathlib import Path

import pytest

from nodeagent.host import Host, changes
from nodeagent.model.change import (
    ABSENT,
    Change,
    CoupledKnob,
    DirectoryState,
    KnobForm,
    SetDirectory,
    WriteConfig,
    WriteCoupled,
    WriteFile,
    file_state,
)
from nodeagent.model.errors import HostError
from tests.unit.tune.toys import write

UID, GID = os.geteuid(), os.getegid()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    write(tmp_path, "/proc/sys/knob", "16384\n")
    write(tmp_path, "/sys/thp", "always [madvise] never\n")
    write(tmp_path, "/proc/sys/three", "1\t2   3\n")
    write(tmp_path, "/etc/made.conf", "old\n")
    return Host(root=tmp_path)


def knob(path: str = "/proc/sys/knob", *, after: str = "60", form: KnobForm = KnobForm.PLAIN) -> WriteFile:
    return WriteFile(key="k", tunable="t", path=path, before="16384", after=after, form=form)


def config(path: str = "/etc/made.conf", *, before: str | None = "old\n", after: str | None = "new\n") -> WriteConfig:
    return WriteConfig(key="k", tunable="t", path=path, before=before, after=after, mode=0o640)


def directory(
    *, before: DirectoryState | None = None, after: DirectoryState | None, path: str = "/etc/dir"
) -> SetDirectory:
    return SetDirectory(key="k", tunable="t", path=path, before=before, after=after)


def state(mode: int) -> DirectoryState:
    return DirectoryState(mode=mode, uid=UID, gid=GID)


def test_a_knob_is_written_with_a_line_end_and_nothing_of_the_old_value_stays(host: Host) -> None:
    changes.perform(host, knob())
    assert (host.root / "proc/sys/knob").read_text() == "60\n"
    assert changes.observe(host, knob()).state == "60"


@pytest.mark.parametrize(
    ("path", "form", "expected"),
    [
        ("/sys/thp", KnobForm.SELECTED, "madvise"),
        ("/proc/sys/three", KnobForm.WORDS, "1 2 3"),
        ("/proc/sys/three", KnobForm.PLAIN, "1\t2   3"),
    ],
)
def test_a_knob_is_seen_in_its_form_and_as_it_is(host: Host, path: str, form: KnobForm, expected: str) -> None:
    seen = changes.observe(host, knob(path, form=form))
    assert seen.state == expected
    assert seen.raw == (host.root / path.lstrip("/")).read_text()


def test_a_missing_knob_is_gone_and_is_never_made(host: Host) -> None:
    assert changes.observe(host, knob("/proc/sys/none")).gone
    with pytest.raises(HostError, match=r"ENOENT") as caught:
        changes.perform(host, knob("/proc/sys/none"))
    assert caught.value.remedy is not None
    assert not (host.root / "proc/sys/none").exists()


def test_a_read_only_knob_says_so(host: Host) -> None:
    (host.root / "proc/sys/knob").chmod(0o444)
    with pytest.raises(HostError, match=r"cannot write '60' to|EACCES"):
        changes.perform(host, knob())
    assert (host.root / "proc/sys/knob").read_text() == "16384\n"


def test_a_directory_in_place_of_a_knob_is_an_error(host: Host) -> None:
    with pytest.raises(HostError, match="EISDIR"):
        changes.perform(host, knob("/proc/sys"))
    with pytest.raises(HostError, match="EISDIR"):
        changes.observe(host, knob("/proc/sys"))


def test_the_place_of_a_queue_knob_is_the_very_disk(tmp_path: Path) -> None:
    write(tmp_path, "/sys/devices/pci0/nvme0n1/diskseq", "9\n")
    write(tmp_path, "/sys/devices/pci0/nvme0n1/queue/nr_requests", "64\n")
    (tmp_path / "sys/block").mkdir()
    (tmp_path / "sys/block/nvme0n1").symlink_to("../devices/pci0/nvme0n1")
    host = Host(root=tmp_path)
    seen = changes.observe(host, knob("/sys/block/nvme0n1/queue/nr_requests"))
    assert seen.place == "/sys/devices/pci0/nvme0n1 diskseq=9"


def test_the_place_of_a_port_is_its_index(tmp_path: Path) -> None:
    write(tmp_path, "/sys/class/net/eth0/ifindex", "2\n")
    write(tmp_path, "/sys/class/net/eth0/mtu", "1500\n")
    assert changes.observe(Host(root=tmp_path), knob("/sys/class/net/eth0/mtu")).place.endswith("eth0 ifindex=2")


def test_a_file_is_replaced_whole_with_the_mode_of_the_change(host: Host) -> None:
    path = host.root / "etc/made.conf"
    path.chmod(0o600)
    changes.perform(host, config())
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in path.parent.iterdir()] == ["made.conf"]


def test_a_file_is_made_and_removed(host: Host) -> None:
    make = config("/etc/new.conf", before=None)
    assert changes.observe(host, make).state == ABSENT == make.before_state()
    changes.perform(host, make)
    assert changes.observe(host, make).state == make.after_state() == file_state("new\n")
    back = changes.inverse(make, raw=changes.observe(host, make).raw)
    assert back is not None
    changes.perform(host, back)
    assert not (host.root / "etc/new.conf").exists()
    changes.perform(host, back)


def test_the_way_back_has_the_mode_that_was_there(host: Host) -> None:
    path = host.root / "etc/made.conf"
    path.chmod(0o600)
    change = config()
    back = changes.inverse(change, raw=changes.observe(host, change).raw)
    changes.perform(host, change)
    assert back is not None
    changes.perform(host, back)
    assert path.read_text() == "old\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_bytes_that_are_no_text_survive_a_file(host: Host) -> None:
    odd = config(after="\udcff\udcfe\n")
    changes.perform(host, odd)
    assert (host.root / "etc/made.conf").read_bytes() == b"\xff\xfe\n"
    assert changes.observe(host, odd).state == odd.after_state()


def test_a_link_in_place_of_a_file_is_never_written_through(host: Host) -> None:
    write(host.root, "/victim", "precious")
    (host.root / "etc/mask.conf").symlink_to("/victim")
    change = config("/etc/mask.conf", before=None)
    assert changes.observe(host, change).state == "link to /victim"
    with pytest.raises(HostError, match="wanted a plain file"):
        changes.perform(host, change)
    assert (host.root / "victim").read_text() == "precious"


def test_a_file_without_its_directory_is_an_error_that_names_it(host: Host) -> None:
    with pytest.raises(HostError, match=r"/etc/none/x\.conf.*ENOENT"):
        changes.perform(host, config("/etc/none/x.conf", before=None))


def test_a_failed_replacement_leaves_the_old_file_and_no_other(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HostError, match="ENOSPC"):
        changes.perform(host, config())
    assert (host.root / "etc/made.conf").read_text() == "old\n"
    assert [entry.name for entry in (host.root / "etc").iterdir()] == ["made.conf"]


def test_a_short_write_is_an_error(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:2]))
    for change in (config(), knob()):
        with pytest.raises(HostError, match="only 2 of"):
            changes.perform(host, change)
    assert (host.root / "etc/made.conf").read_text() == "old\n"
    assert (host.root / "proc/sys/knob").read_text() == "16384\n"


def test_what_a_crash_left_is_swept_and_does_not_stand_in_the_way(host: Host) -> None:
    leftover = host.root / "etc/.made.conf.nodeagent-new"
    leftover.write_text("torn")
    changes.perform(host, config())
    assert not leftover.exists()
    leftover.write_text("torn")
    changes.sweep(host, config())
    assert not leftover.exists()
    changes.sweep(host, config("/etc/made.conf/below-a-file"))


def test_a_directory_is_made_changed_and_removed(host: Host) -> None:
    make = directory(after=state(0o750))
    assert changes.observe(host, make).state == ABSENT
    changes.perform(host, make)
    assert changes.observe(host, make).state == str(state(0o750))
    change = directory(before=state(0o750), after=state(0o2700))
    changes.perform(host, change)
    assert changes.observe(host, change).state == str(state(0o2700))
    changes.perform(host, directory(before=state(0o2700), after=None))
    assert not (host.root / "etc/dir").exists()


def test_a_directory_with_something_in_it_is_not_removed(host: Host) -> None:
    changes.perform(host, directory(after=state(0o700)))
    write(host.root, "/etc/dir/file", "")
    with pytest.raises(HostError, match="ENOTEMPTY"):
        changes.perform(host, directory(before=state(0o700), after=None))


def test_a_link_in_place_of_a_directory_is_not_followed(host: Host) -> None:
    (host.root / "real").mkdir(mode=0o755)
    (host.root / "etc/dir").symlink_to("/real")
    change = directory(before=state(0o755), after=state(0o700))
    assert changes.observe(host, change).state == "link to /real"
    with pytest.raises(HostError, match=r"ENOTDIR|ELOOP"):
        changes.perform(host, change)
    assert (host.root / "real").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("change", "seen", "expected"),
    [
        (directory(after=state(0o750)), str(state(0o700)), True),
        (directory(after=state(0o750)), str(DirectoryState(mode=0o700, uid=UID + 1, gid=GID)), False),
        (directory(after=state(0o750)), str(state(0o755)), False),
        (
            directory(before=DirectoryState(mode=0o755, uid=UID + 1, gid=GID), after=state(0o750)),
            str(state(0o755)),
            True,
        ),
        (directory(before=state(0o755), after=None), ABSENT, False),
        (knob(), "61", False),
        (config(), file_state("x"), False),
    ],
)
def test_half_a_step_is_told_from_somebody_elses(change: Change, seen: str, expected: bool) -> None:
    assert changes.is_half_done(change, seen) is expected


def _couple(**values: tuple[str, str]) -> WriteCoupled:
    members = tuple(
        CoupledKnob(path=f"/proc/sys/{name}", before=before, after=after) for name, (before, after) in values.items()
    )
    return WriteCoupled(key="k", tunable="t", members=members)


def test_a_group_is_written_in_its_order_and_only_where_it_says_so(host: Host) -> None:
    for name in ("a", "b"):
        write(host.root, f"/proc/sys/{name}", "0\n")
    group = WriteCoupled(
        key="k",
        tunable="t",
        members=(
            CoupledKnob(path="/proc/sys/a", before="0", after="1"),
            CoupledKnob(path="/proc/sys/b", before="0", after="2", forward=False),
        ),
    )
    changes.perform(host, group)
    assert [(host.root / f"proc/sys/{name}").read_text() for name in ("a", "b")] == ["1\n", "0\n"]


def test_a_group_that_was_cut_in_between_is_half_done(host: Host) -> None:
    group = _couple(a=("1", "10"), b=("2", "20"))
    for name, text in (("a", "10\n"), ("b", "2\n")):
        write(host.root, f"/proc/sys/{name}", text)
    assert changes.is_half_done(group, changes.observe(host, group).state)
    write(host.root, "/proc/sys/a", "99\n")
    assert not changes.is_half_done(group, changes.observe(host, group).state)


def test_a_kind_that_nobody_knows_is_a_defect(host: Host) -> None:
    class Strange:
        pass

    with pytest.raises(TypeError, match="Strange"):
        changes.observe(host, Strange())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Strange"):
        changes.perform(host, Strange())  # type: ignore[arg-type]
