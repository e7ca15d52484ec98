"""The history under SIGKILL, a full disk, racing openers, and readers without the right to write: nothing is lost."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nodeagent.history import History, Suite
from nodeagent.history.schema import migrations
from nodeagent.model.errors import HistoryError
from nodeagent.model.measurement import Place, Run
from tests import needs
from tests.needs import need_root, need_tool

pytestmark = pytest.mark.host

AGENT = Path(__file__).parents[3] / "agent"
SUITE = Suite(id="s1", started_at=1.0)
RUN = Run(
    benchmark="b",
    place=Place(role="ledger"),
    started_at=1.0,
    duration_seconds=1.0,
    command="fio",
    tool="fio",
    tool_version="3",
    raw="x" * 500,
)
LATER_STEPS = (
    "ALTER TABLE suite ADD COLUMN note TEXT NOT NULL DEFAULT 'none';\nCREATE INDEX suite_note ON suite (note);\n",
    "CREATE TABLE copy (id TEXT PRIMARY KEY, note TEXT NOT NULL) STRICT;\n"
    "INSERT INTO copy SELECT id, note FROM suite;\n"
    "UPDATE suite SET note = 'copied';\n",
)


def python(code: str, *arguments: str, wrapper: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*wrapper, sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, "PYTHONPATH": os.fspath(AGENT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, error = process.communicate(timeout=60)
    return process.returncode, out + error


def fill(path: Path, suites: int) -> None:
    with History.open(path, steps=migrations()[:1]) as history:
        for number in range(suites):
            history.begin_suite(Suite(id=f"s{number}", started_at=float(number)))


MIGRATE = """
    import sys
    from pathlib import Path
    from nodeagent.history import History
    from nodeagent.history.schema import migrations
    later = tuple(sys.argv[2:])
    History.open(Path(sys.argv[1]), steps=(migrations()[0], *later)).close()
"""


@need_tool("strace")
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync,fsync", "ftruncate,unlink"])
def test_a_migration_killed_at_any_of_its_system_calls_loses_nothing_and_is_finished_by_the_next_start(
    tmp_path: Path, call: str
) -> None:
    strace = needs.tool("strace")
    steps = (migrations()[0], *LATER_STEPS)
    killed = 0
    for instant in range(1, 200):
        path = tmp_path / f"{instant}.db"
        fill(path, 40)
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={instant}")
        wrapper = (strace, "-f", "-qq", "-o", os.devnull, *inject)
        code, said = ended(python(MIGRATE, os.fspath(path), *LATER_STEPS, wrapper=wrapper))
        if code == 0:
            break
        assert code in (-signal.SIGKILL, 128 + signal.SIGKILL), said
        killed += 1
        with History.open(path, steps=steps) as history:
            assert len(history.suites()) == 40
            rows = [row for row in history.export() if row["table"] in {"suite", "copy"}]
        assert sorted({str(row["note"]) for row in rows if row["table"] == "suite"}) == ["copied"]
        assert len([row for row in rows if row["table"] == "copy" and row["note"] == "none"]) == 40
        for leftover in tmp_path.glob(f"{instant}.db*"):
            leftover.unlink()
    else:
        pytest.fail("the migration never came to its end")
    assert killed >= 1


ADD_RUNS = """
    import sys
    from pathlib import Path
    from nodeagent.history import History, Suite
    from nodeagent.model.measurement import Place, Run, Sample
    with History.open(Path(sys.argv[1])) as history:
        history.begin_suite(Suite(id="s1", started_at=1.0))
        for number in range(10_000):
            run = Run(benchmark="b", place=Place(role="ledger"), started_at=float(number), duration_seconds=1.0,
                      command="fio", tool="fio", tool_version="3", raw="x" * 2000,
                      samples=(Sample(metric="m", value=float(number), series=(1.0,) * 50),))
            history.add_run(run, suite="s1", fingerprint="f", parts={})
            print(number, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 60, 400])
def test_every_run_that_was_added_is_there_after_a_kill(tmp_path: Path, after: int) -> None:
    path = tmp_path / "history.db"
    with python(ADD_RUNS, os.fspath(path)) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(after)]
        process.kill()
        told += [int(line) for line in process.stdout.read().split()]
    with History.open(path) as history:
        runs = history.runs(with_raw=True)
    assert len(runs) in {len(told), len(told) + 1}
    assert [stored.run.started_at for stored in runs][: len(told)] == [float(number) for number in told]
    assert all(len(stored.run.raw) == 2000 and stored.run.samples[0].value == stored.run.started_at for stored in runs)


def test_many_processes_that_open_a_new_file_at_once_all_get_it(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    processes = [python(MIGRATE, os.fspath(path), *LATER_STEPS) for _ in range(8)]
    assert [ended(process) for process in processes] == [(0, "")] * 8
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 3
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 512 KiB."""
    needs.root()
    directory = tmp_path / "small"
    directory.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


@need_root
def test_a_disk_that_fills_up_is_told_and_what_was_added_before_stays(small_disk: Path) -> None:
    path = small_disk / "history.db"
    added = 0
    with History.open(path) as history:
        history.begin_suite(SUITE)
        error = None
        while error is None and added < 10_000:
            try:
                history.add_run(RUN, suite="s1", fingerprint="f", parts={})
                added += 1
            except HistoryError as full:
                error = full
        assert error is not None
        assert "the disk is full" in error.message
        assert "--state-dir" in str(error.remedy)
        assert len(history.runs()) == added > 10
    with History.open(path, read_only=True) as history:
        assert len(history.runs()) == added


READ_AS_NOBODY = """
    import os, sys
    from pathlib import Path
    from nodeagent.history import History
    from nodeagent.history.schema import migrations
    steps = migrations()  # a checkout below /root is closed to nobody; an installed package isn't
    os.setgid(65534); os.setuid(65534)
    with History.open(Path(sys.argv[1]), read_only=True, steps=steps) as history:
        print(len(history.runs()))
"""


@need_root
def test_a_reader_who_may_not_write_reads_after_the_writer_has_gone_and_while_it_is_there(tmp_path: Path) -> None:
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    path = tmp_path / "history.db"
    with History.open(path) as history:
        history.begin_suite(SUITE)
        history.add_run(RUN, suite="s1", fingerprint="f", parts={})
        for file in tmp_path.glob("history.db*"):
            file.chmod(0o644)
        assert ended(python(READ_AS_NOBODY, os.fspath(path))) == (0, "1\n")
    assert [file.name for file in tmp_path.iterdir()] == ["history.db"]
    assert ended(python(READ_AS_NOBODY, os.fspath(path))) == (0, "1\n")
    assert [file.name for file in tmp_path.iterdir()] == ["history.db"]
