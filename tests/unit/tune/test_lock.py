"""One writer at a time, and the one who finds the lock taken learns by whom."""

import errno
import os
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Timer

import pytest

from nodeagent.host.process_identity import ProcessIdentity, is_running, own_identity, terminate
from nodeagent.model.errors import BusyError, RefusedError
from nodeagent.tune.lock import FILE_NAME, hold


def take(directory: Path, command: str = "tune apply") -> AbstractContextManager[None]:
    return hold(directory, command=command, boot_id="b", wall_seconds=1_700_000_000.0)


def test_the_second_is_told_who_is_at_work(tmp_path: Path) -> None:
    with take(tmp_path, "tune apply --profile x"), pytest.raises(BusyError) as caught, take(tmp_path):
        pass
    assert f"process {os.getpid()} (nodeagent tune apply --profile x)" in caught.value.message
    assert caught.value.remedy is not None
    assert f"ps -fp {os.getpid()}" in caught.value.remedy


def test_the_holder_is_named_though_its_note_comes_a_moment_later(tmp_path: Path) -> None:
    with take(tmp_path):
        file = tmp_path / FILE_NAME
        note = file.read_bytes()
        file.write_bytes(b"")
        late = Timer(0.05, file.write_bytes, [note])
        late.start()
        with pytest.raises(BusyError, match=f"process {os.getpid()} "), take(tmp_path):
            pass
        late.join()


def test_it_is_free_afterwards_and_the_file_stays(tmp_path: Path) -> None:
    for _ in range(2):
        with take(tmp_path):
            pass
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / FILE_NAME).read_bytes() == b""


@pytest.mark.parametrize("note", [b"", b"{", b'{"pid": "x"}', b"\xff" * 100, b'{"pid":1,"since":1e300,"command":"c"}'])
def test_a_note_that_makes_no_sense_does_no_harm(tmp_path: Path, note: bytes) -> None:
    with take(tmp_path):
        (tmp_path / FILE_NAME).write_bytes(note)
        with pytest.raises(BusyError, match="not known yet"), take(tmp_path):
            pass


def test_a_lock_file_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "state" / FILE_NAME).symlink_to(tmp_path / "victim")
    with pytest.raises(RefusedError, match="symbolic link"), take(tmp_path / "state"):
        pass
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_process_is_told_from_a_later_one_of_its_number() -> None:
    us = own_identity()
    assert is_running(us)
    later = ProcessIdentity(pid=us.pid, start_ticks=us.start_ticks + 1)
    assert not is_running(later)
    assert not terminate(later)
    assert not terminate(ProcessIdentity(pid=2**22 + 1, start_ticks=1))


def test_a_disk_that_breaks_meanwhile_does_not_make_an_error_of_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_descriptor: int, _length: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    done = False
    with take(tmp_path):
        monkeypatch.setattr(os, "ftruncate", broken)
        done = True
    assert done
    monkeypatch.undo()
    with take(tmp_path), pytest.raises(BusyError, match=f"process {os.getpid()}"), take(tmp_path):
        pass
