"""Campaign C19: children that do not want to end. No orphan, no hang, ten seconds at most for each.

Every kind is ended in each of the ways a command can end: its time limit, a cancel, too much output, the death of its
first process, and the death of the agent itself. Whoever carries the test's own mark afterwards is an orphan.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.host import process
from nodeagent.host.process import run, start
from nodeagent.host.process_family import list_processes, marked_processes
from nodeagent.model.command import Command

pytestmark = pytest.mark.host

MARK = "NODEAGENT_TEST_MARK"
LIMIT_SECONDS = 10.0

IGNORES_TERM = "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)"
KINDS = {
    "sleeps": "stay()",
    "ignores TERM": f"{IGNORES_TERM}; stay()",
    "blocks every signal": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); stay()",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP); stay()",
    "forks ten that ignore TERM": f"{IGNORES_TERM}\nfor _ in range(10):\n  if not os.fork(): stay()\nstay()",
    "forks a tree": "for _ in range(4): os.fork()\nstay()",
    "forks one that stops itself": "if not os.fork(): os.kill(os.getpid(), signal.SIGSTOP)\nstay()",
    "leaves the session": "if not os.fork():\n  os.setsid(); stay()\nstay()",
    "forks twice and leaves the session": (
        f"{IGNORES_TERM}\nif not os.fork():\n  os.setsid()\n  if os.fork(): os._exit(0)\n  stay()\nstay()"
    ),
    "forks twice, leaves the session, clears its environment": (
        "if not os.fork():\n  os.setsid()\n  if os.fork(): os._exit(0)\n"
        "  os.execve(sys.executable, [sys.executable, '-IS', '-c', 'import time; time.sleep(300)', MARKED], {})\n"
        "stay()"
    ),
    "closes its outputs and goes to the background": "for fd in (0, 1, 2): os.close(fd)\nstay()",
    "fills stdout and stops": "os.set_blocking(1, False)\nfill(1); os.kill(os.getpid(), signal.SIGSTOP); stay()",
    "fills stderr while it ignores TERM": f"{IGNORES_TERM}\nwhile True: os.write(2, b'x' * 65536)",
    "gives the pipe to a child and ends": f"{IGNORES_TERM}\nif os.fork(): os._exit(0)\nstay()",
    "gives the pipe to a daemon and ends": (
        f"{IGNORES_TERM}\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\nstay()"
    ),
    "restarts itself on TERM": (
        "def again(*_):\n  os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])\n"
        "signal.signal(signal.SIGTERM, again); stay()"
    ),
    "forks again on TERM": (
        "def again(*_):\n  if not os.fork():\n    os.setsid()\nsignal.signal(signal.SIGTERM, again)\n"
        "while True: time.sleep(1)"
    ),
}
PRELUDE = """import os, signal, sys, time
MARKED = sys.argv[1]
def stay():
    while True: time.sleep(300)
def fill(fd):
    try:
        while True: os.write(fd, b'x' * 65536)
    except BlockingIOError: pass
"""


@pytest.fixture
def mark() -> Iterator[str]:
    """A value that every process of this test carries; nobody may carry it at the end."""
    value = uuid.uuid4().hex
    yield value
    for pid in carriers(value):
        os.kill(pid, signal.SIGKILL)


def carriers(mark: str) -> list[int]:
    """Living processes with the mark in environment or arguments."""
    by_environment = {entry.pid for entry in marked_processes(MARK, mark)}
    by_arguments = {entry.pid for entry in list_processes() if entry.alive and mark in _arguments(entry.pid)}
    return sorted((by_environment | by_arguments) - {os.getpid()})


def _arguments(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def command(kind: str, mark: str, *, timeout_seconds: float = 60, output_limit_bytes: int = 1 << 24) -> Command:
    return Command(
        argv=(sys.executable, "-IS", "-c", PRELUDE + KINDS[kind], mark),
        timeout_seconds=timeout_seconds,
        output_limit_bytes=output_limit_bytes,
        environment=((MARK, mark),),
    )


def check_gone(mark: str, *, began: float) -> None:
    took = time.monotonic() - began
    left = carriers(mark)
    assert not left, [_arguments(pid) for pid in left]
    assert took <= LIMIT_SECONDS
    assert not _zombies()


def _zombies() -> list[int]:
    return [entry.pid for entry in list_processes() if entry.parent == os.getpid() and not entry.alive]


@pytest.mark.parametrize("kind", KINDS)
def test_the_time_limit_leaves_nobody(kind: str, mark: str) -> None:
    began = time.monotonic()
    run(command(kind, mark, timeout_seconds=0.6))
    check_gone(mark, began=began)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cancel_leaves_nobody(kind: str, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.3)
    began = time.monotonic()
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    run(command(kind, mark), cancel=cancel)
    check_gone(mark, began=began)


@pytest.mark.parametrize("kind", KINDS)
def test_stopping_a_server_leaves_nobody(kind: str, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.3)
    began = time.monotonic()
    with start(command(kind, mark)):
        time.sleep(0.4)
    check_gone(mark, began=began)


@pytest.mark.parametrize("kind", ["sleeps", "ignores TERM", "stops itself", "fills stderr while it ignores TERM"])
def test_the_death_of_the_agent_takes_the_child_along(kind: str, mark: str) -> None:
    began = time.monotonic()
    agent = _agent(kind, mark)
    agent.kill()
    agent.wait()
    deadline = time.monotonic() + 5
    while carriers(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    # This process is a subreaper too, so what died with the agent came back here.
    for pid in _zombies():
        os.waitpid(pid, 0)
    check_gone(mark, began=began)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("kind", ["sleeps", "ignores TERM", "forks twice and leaves the session"])
def test_a_signal_to_the_agent_ends_the_family_first(kind: str, number: signal.Signals, mark: str) -> None:
    began = time.monotonic()
    agent = _agent(kind, mark)
    agent.send_signal(number)
    assert agent.wait(timeout=LIMIT_SECONDS) == 130
    check_gone(mark, began=began)


def test_a_second_interrupt_does_not_wait_for_the_grace(mark: str) -> None:
    agent = _agent("ignores TERM", mark)
    began = time.monotonic()
    agent.send_signal(signal.SIGINT)
    time.sleep(0.3)
    agent.send_signal(signal.SIGINT)
    assert agent.wait(timeout=LIMIT_SECONDS) == 130
    assert time.monotonic() - began < 2.5
    check_gone(mark, began=began)


def test_interrupts_at_every_instant_of_a_start_lose_no_child(mark: str) -> None:
    for step in range(30):
        agent = _agent("sleeps", mark, wait=False)
        time.sleep(step * 0.001)
        agent.send_signal(signal.SIGINT)
        assert agent.wait(timeout=LIMIT_SECONDS) == 130
        assert not carriers(mark)


def test_families_that_dissolve_while_they_are_counted_are_found_whole(mark: str) -> None:
    """Chains of processes, each of which forks the next in a session of its own and ends."""
    chain = (
        "import os, sys\nfor _ in range(int(sys.argv[2])):\n  if os.fork(): os._exit(0)\n  os.setsid()\n"
        "import time; time.sleep(300)"
    )
    for length in range(1, 60, 3):
        argv = (sys.executable, "-IS", "-c", chain, mark, str(length))
        run(Command(argv=argv, timeout_seconds=10, environment=((MARK, mark),)))
        assert not carriers(mark)
    assert not _zombies()


def test_two_commands_at_once_end_each_its_own_family(mark: str) -> None:
    other = uuid.uuid4().hex
    with start(command("forks twice and leaves the session", other)):
        time.sleep(0.5)
        run(command("forks twice and leaves the session", mark, timeout_seconds=0.5))
        assert not carriers(mark)
        assert len(carriers(other)) == 2
    assert not carriers(other)


def test_two_hundred_quick_ones_leave_nothing(mark: str) -> None:
    quick = Command(argv=("true",), timeout_seconds=5, environment=((MARK, mark),))
    longest = 0.0
    for _ in range(200):
        began = time.monotonic()
        assert run(quick).ok
        longest = max(longest, time.monotonic() - began)
    assert longest < LIMIT_SECONDS
    check_gone(mark, began=time.monotonic())
    print(f"C19: {len(KINDS)} kinds of resisting child, 200 quick ones (longest {longest:.2f} s), 0 orphans, 0 hangs")


AGENT = f"""
import signal, sys
from nodeagent.host.process import run
from nodeagent.model.command import Command
def interrupt(*_): raise KeyboardInterrupt
for number in (signal.SIGTERM, signal.SIGHUP): signal.signal(number, interrupt)
try:
    # Before this line an interrupt may get lost in the import system (a weak reference's callback swallows it).
    print("ready", flush=True)
    run(Command(argv=tuple(sys.argv[1:]), timeout_seconds=60, output_limit_bytes=1 << 30,
        environment=(({MARK!r}, sys.argv[-1]),)))
except KeyboardInterrupt:
    sys.exit(130)
"""


def _agent(kind: str, mark: str, *, wait: bool = True) -> "subprocess.Popen[bytes]":
    """Another process that runs the command as the agent does; returns once it, or with `wait` its family, is there."""
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, *command(kind, mark).argv],
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert agent.stdout is not None
    with agent.stdout:
        assert agent.stdout.readline() == b"ready\n"
    deadline = time.monotonic() + 10
    while wait and len(set(carriers(mark)) - {agent.pid}) < 1 + ("twice" in kind) and time.monotonic() < deadline:
        time.sleep(0.02)
    if wait:
        time.sleep(0.2)
    return agent
