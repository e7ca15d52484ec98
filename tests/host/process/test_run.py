"""host.process.run with real processes: what goes in, what comes out, and how it may end."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from nodeagent.host import process_program
from nodeagent.host.process import run, start, start_detached
from nodeagent.host.process_family import marked_processes
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError

pytestmark = pytest.mark.host


def python(
    code: str,
    *arguments: str,
    timeout_seconds: float = 20,
    output_limit_bytes: int = 1 << 20,
    input_text: str | None = None,
    environment: tuple[tuple[str, str], ...] = (),
    inherit_fds: tuple[int, ...] = (),
    nice: int | None = None,
    directory: Path | None = None,
) -> Command:
    return Command(
        argv=(sys.executable, "-IS", "-c", code, *arguments),
        timeout_seconds=timeout_seconds,
        output_limit_bytes=output_limit_bytes,
        input_text=input_text,
        environment=environment,
        inherit_fds=inherit_fds,
        nice=nice,
        directory=directory,
    )


def test_arguments_arrive_byte_for_byte() -> None:
    odd = ("a b", "$HOME", "'\"", "", "*", "\n", "é", "--", os.fsdecode(b"\xff\xfe"))
    completed = run(python("import sys, os; print([os.fsencode(a) for a in sys.argv[1:]])", *odd))
    assert completed.ok
    assert completed.stdout.decode().strip() == repr([os.fsencode(argument) for argument in odd])


def test_environment_is_small_and_the_given_one_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHERRY_AUTH_TOKEN", "secret")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    completed = run(python("import os; print(sorted(os.environ))", environment=(("FIO_X", "1"),)))
    names = set(eval(completed.stdout))  # noqa: S307 - the list was printed by the line above
    assert {"FIO_X", "PATH", "LANG", "HOME"} <= names
    assert names <= {"FIO_X", "PATH", "LANG", "HOME", "TMPDIR", "NODEAGENT_FAMILY", "LC_CTYPE"}


def test_a_failing_exit_code_is_a_result_and_not_an_error() -> None:
    completed = run(python("import sys; sys.stderr.write('no'); sys.exit(3)"))
    assert (completed.exit_code, completed.ok, completed.stderr, completed.signal) == (3, False, b"no", None)


def test_death_by_a_signal_is_told_with_its_number() -> None:
    completed = run(python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    assert (completed.signal, completed.exit_code, completed.ok) == (signal.SIGSEGV, 139, False)


def test_a_missing_program_is_an_error_that_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_program, "SYSTEM_DIRECTORIES", ())
    with pytest.raises(HostError, match=r"mkfs\.ext4: not found in /nonexistent$") as caught:
        run(Command(argv=("mkfs.ext4",), timeout_seconds=1, environment=(("PATH", "/nonexistent"),)))
    assert caught.value.remedy == "apt-get install e2fsprogs"


def test_a_program_that_nobody_knows_is_an_error_with_a_remedy() -> None:
    with pytest.raises(HostError, match="no-such-program-here: not found") as caught:
        run(Command(argv=("no-such-program-here",), timeout_seconds=1))
    assert caught.value.remedy == "install no-such-program-here, then run this again"


@pytest.mark.parametrize("argv", [(), ("",), ("\0",), ("/etc/passwd",), ("/tmp",), ("cat", "\0")])
def test_what_cannot_be_started_is_one_clear_error(argv: tuple[str, ...]) -> None:
    with pytest.raises(HostError):
        run(Command(argv=argv, timeout_seconds=1))


def test_exit_code_127_of_a_wrapper_means_not_found(tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text("#!/bin/sh\nexec /nonexistent/fio\n")
    wrapper.chmod(0o755)
    with pytest.raises(HostError, match="was not found"):
        run(Command(argv=(str(wrapper),), timeout_seconds=5))


def test_a_missing_directory_is_named() -> None:
    with pytest.raises(HostError, match="no such directory: /nonexistent"):
        run(python("", directory=Path("/nonexistent")))


def test_input_arrives_whole_and_a_child_that_does_not_want_it_is_no_problem() -> None:
    text = "x" * 3_000_000
    assert run(python("import sys; print(len(sys.stdin.read()))", input_text=text)).stdout.strip() == b"3000000"
    assert run(python("import os; os.close(0)", input_text=text)).ok


def test_without_input_stdin_is_empty() -> None:
    assert run(python("import sys; print(repr(sys.stdin.read()))")).stdout == b"''\n"


def test_the_time_limit_ends_it() -> None:
    began = time.monotonic()
    completed = run(python("import time; time.sleep(60)", timeout_seconds=0.3))
    assert completed.timed_out
    assert not completed.ok
    assert completed.signal == signal.SIGTERM
    assert 0.3 <= completed.duration_seconds < 3
    assert time.monotonic() - began < 3


def test_more_output_than_the_limit_ends_it() -> None:
    completed = run(python("while True: print('x' * 1000)", output_limit_bytes=100_000))
    assert completed.truncated
    assert not completed.ok
    assert len(completed.stdout) == 100_000


def test_output_of_exactly_the_limit_is_fine() -> None:
    completed = run(python("import sys; sys.stdout.write('x' * 100_000)", output_limit_bytes=100_000))
    assert completed.ok
    assert len(completed.stdout) == 100_000


def test_both_outputs_full_at_once_do_not_deadlock() -> None:
    code = "import os\nfor _ in range(200):\n  os.write(2, b'e' * 50000); os.write(1, b'o' * 50000)"
    completed = run(python(code, output_limit_bytes=1 << 24))
    assert completed.ok
    assert (len(completed.stdout), len(completed.stderr)) == (10_000_000, 10_000_000)


def test_cancel_ends_it_within_the_second() -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    completed = run(python("import time; time.sleep(60)"), cancel=cancel)
    assert completed.interrupted
    assert not completed.ok
    assert completed.duration_seconds < 1.3


def test_what_a_child_writes_on_term_is_still_read() -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('x' * 200_000), sys.exit(0)))\n"
        "time.sleep(60)"
    )
    completed = run(python(code, timeout_seconds=0.5))
    assert completed.timed_out
    assert len(completed.stdout) == 200_001


def test_output_comes_in_order_and_complete() -> None:
    pieces: list[bytes] = []
    completed = run(python("for n in range(20000): print(n)"), on_output=pieces.append)
    assert b"".join(pieces) == completed.stdout == b"".join(b"%d\n" % n for n in range(20000))


def test_an_error_in_the_callers_own_code_ends_the_child_and_passes_on() -> None:
    def fail(_data: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(python("import time; print('go', flush=True); time.sleep(60)"), on_output=fail)
    assert not _sleepers()


def test_ticks_come_with_the_time_since_the_start() -> None:
    ticks: list[float] = []
    run(python("import time; time.sleep(0.6)"), on_tick=ticks.append)
    assert ticks == sorted(ticks)
    assert len(ticks) >= 4


def test_descriptors_are_passed_only_when_named() -> None:
    read, write = os.pipe()
    try:
        os.set_inheritable(read, True)
        code = "import os, sys\nfor n in map(int, sys.argv[1:]):\n  os.fstat(n)"
        assert run(python(code, str(read), inherit_fds=(read,))).ok
        assert not run(python(code, str(read))).ok
    finally:
        os.close(read)
        os.close(write)


def test_nice_is_taken() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    completed = run(python("import os; print(os.getpriority(os.PRIO_PROCESS, 0))", nice=before + 5))
    assert int(completed.stdout) == before + 5


def test_a_namespace_that_is_not_there_is_an_error_with_the_next_command() -> None:
    command = Command(argv=("true",), timeout_seconds=1, network_namespace="nodeagent-no-such")
    with pytest.raises(HostError, match="network namespace nodeagent-no-such") as caught:
        run(command)
    assert caught.value.remedy == "ip netns list"
    with pytest.raises(HostError, match="not a name"):
        run(Command(argv=("true",), timeout_seconds=1, network_namespace="../../proc/1/ns/net"))


def test_no_descriptor_and_no_thread_is_left_after_many_runs() -> None:
    run(python(""))
    before = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    for _ in range(20):
        run(python(""))
        with start(python("import time; time.sleep(60)")):
            pass
    assert (len(list(Path("/proc/self/fd").iterdir())), threading.active_count()) == before


def test_when_descriptors_run_out_the_child_does_not_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more(_pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", no_more)
    with pytest.raises(HostError, match="Too many open files"):
        run(python("import time; time.sleep(60)"))
    monkeypatch.undo()
    assert not _sleepers()


def test_a_server_is_ready_when_it_says_so_and_gone_after_the_block() -> None:
    code = "import time; time.sleep(0.2); print('listening', flush=True); time.sleep(60)"
    with start(python(code)) as server:
        server.wait_ready("listening", timeout_seconds=10)
        assert server.completed is None
        pid = server.pid
    assert server.completed is not None
    assert server.completed.interrupted
    assert not Path(f"/proc/{pid}").exists()


def test_a_server_that_ends_or_stays_silent_is_an_error_with_its_last_words() -> None:
    with (
        start(python("import sys; sys.exit('address in use')")) as server,
        pytest.raises(HostError, match=r"ended with code 1 .*address in use"),
    ):
        server.wait_ready("listening", timeout_seconds=10)
    with (
        start(python("import time; time.sleep(60)")) as server,
        pytest.raises(HostError, match=r"did not print 'listening' within 0\.3 s"),
    ):
        server.wait_ready("listening", timeout_seconds=0.3)


def test_a_server_that_ends_by_itself_keeps_its_result() -> None:
    with start(python("print('done')")) as server:
        ended = server.wait(timeout_seconds=10)
    assert isinstance(ended, Completed)
    assert ended.ok
    assert ended.stdout == b"done\n"


def test_a_server_is_ended_by_its_own_time_limit() -> None:
    with start(python("import time; time.sleep(60)", timeout_seconds=0.3)) as server:
        ended = server.wait(timeout_seconds=10)
    assert ended is not None
    assert ended.timed_out


def test_a_detached_process_lives_on_beside_our_commands(tmp_path: Path) -> None:
    output = tmp_path / "guard.log"
    mark = str(tmp_path)
    command = python("import time; print('guarding', flush=True); time.sleep(30)", environment=(("GUARD", mark),))
    pid = start_detached(command, output=output)
    try:
        deadline = time.monotonic() + 10
        while not output.exists() or not output.read_text():
            assert time.monotonic() < deadline
            run(python(""))
        assert [entry.pid for entry in marked_processes("GUARD", mark)] == [pid]
        assert output.read_text() == "guarding\n"
        assert os.getsid(pid) == pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _sleepers() -> list[str]:
    """Command lines of children of ours that still sleep."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            line = (path.parent / "cmdline").read_text()
        except OSError:
            continue
        if parent == os.getpid() and "sleep(60)" in line:
            found.append(line)
    return found
