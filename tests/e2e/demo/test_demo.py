"""The demo as a person starts it: to the end, interrupted, killed, without root; and then nothing of it is left."""

import fcntl
import os
import pty
import random
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

import nodeagent
from nodeagent.model.errors import ExitCode
from tests.needs import missing, need_kernel, need_root, need_tool, tool

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

AGENT = Path(__file__).parents[3] / "agent"
CODE = "import sys; from nodeagent.cli.main import main; sys.exit(main())"
NOBODY = 65534
THREE_MINUTES = 180.0

Test = TypeVar("Test", bound=Callable[..., None])


def needs_all(test: Test) -> Test:
    """Mark a test that makes drives and namespaces."""
    marks = (
        need_root,
        need_tool("losetup", "ip", "mkfs.ext4", "mkfs.btrfs", "fio", "iperf3"),
        need_kernel("/dev/loop-control"),
    )
    for mark in marks:
        test = mark(test)
    return test


class Traces:
    """Everything of a demo that could be left, found by the directory that all its names come from."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._others = {entry.name for entry in Path("/sys/block").glob("loop*")}

    def all(self) -> list[str]:
        return [*self.mounts(), *self.loops(), *self.namespaces(), *self.processes(), *self.files()]

    def mounts(self) -> list[str]:
        return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.state) in line]

    def loops(self) -> list[str]:
        """Attached ones by their file, and those that were added and not yet attached by their number."""
        found = []
        for entry in Path("/sys/block").glob("loop*"):
            try:
                backing = (entry / "loop/backing_file").read_text()
            except OSError:
                backing = ""
            if str(self.state) in backing or self._is_new_and_bare(entry.name, backing):
                found.append(f"{entry.name} {backing}")
        return found

    def _is_new_and_bare(self, name: str, backing: str) -> bool:
        return int(name.removeprefix("loop")) >= 1000 and not backing and name not in self._others

    def namespaces(self) -> list[str]:
        tokens = self.tokens
        return [path.name for path in Path("/run/netns").glob("nodeagent-*") if path.name.split("-")[1] in tokens]

    @property
    def tokens(self) -> set[str]:
        """Of every demo that ever told its directory."""
        return set(re.findall(rf"{re.escape(str(self.state))}/demo/([0-9a-f]{{6}})", self.log.read_text()))

    @property
    def log(self) -> Path:
        return self.state.with_name("log")

    def processes(self) -> list[str]:
        found = []
        for process in psutil.process_iter():
            try:
                if str(self.state) in " ".join([*process.cmdline(), *process.environ().values()]):
                    found.append(f"{process.pid} {' '.join(process.cmdline())}")
            except psutil.Error:
                continue
        return found

    def files(self) -> list[str]:
        return [str(path) for path in (self.state / "demo").glob("*")]


@pytest.fixture
def traces(tmp_path: Path) -> Traces:
    tmp_path.chmod(0o755)
    made = Traces(tmp_path / "state")
    made.log.touch()
    return made


def start(
    traces: Traces, *, extra: dict[str, str] | None = None, python: Sequence[str] = (sys.executable,)
) -> "subprocess.Popen[bytes]":
    path = os.pathsep.join([str(AGENT), sysconfig.get_path("purelib")])
    environment = {**os.environ, "PYTHONPATH": path, **(extra or {})}
    command = [*python, "-c", CODE, "demo", "--out", str(traces.state.with_name("out"))]
    with traces.log.open("ab") as log:
        return subprocess.Popen(
            [*command, "--state-dir", str(traces.state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=traces.state.parent,
        )


def wait_for(traces: Traces, text: str, process: "subprocess.Popen[bytes]", *, start_at: int = 0) -> None:
    deadline = time.monotonic() + 120
    while text not in traces.log.read_text()[start_at:]:
        assert process.poll() is None, traces.log.read_text()
        assert time.monotonic() < deadline, traces.log.read_text()
        time.sleep(0.05)


def assert_nothing_left(traces: Traces) -> None:
    """The kernel and udev may need a moment to let go of what was removed."""
    deadline = time.monotonic() + 10
    while (left := traces.all()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []


def settings() -> dict[str, str]:
    """Settings of the machine that the demo's profile has its own of."""
    paths = [*Path("/proc/sys/net/ipv4").glob("tcp_*"), *Path("/proc/sys/net/core").glob("*mem_*")]
    paths += [path for path in Path("/sys/block").glob("*/queue/*") if not path.parts[3].startswith("loop")]
    return {str(path): path.read_text() for path in paths if path.is_file() and os.access(path, os.R_OK)}


@needs_all
def test_the_demo_shows_everything_within_three_minutes_and_leaves_only_its_report(traces: Traces) -> None:
    before = settings()
    began = time.monotonic()
    process = start(traces, extra={"NO_COLOR": "1"})
    code = process.wait(timeout=THREE_MINUTES)
    text = traces.log.read_text()
    assert code == 0, text
    assert time.monotonic() - began < THREE_MINUTES
    assert_nothing_left(traces)
    assert settings() == before

    wanted = ["tune plan", "tune apply", "tune verify", "bench run", "report", "serve", "tune rollback"]
    places = [text.index(f"$ nodeagent {command}") for command in wanted]
    assert places == sorted(places)
    assert "Rollback:" in text
    assert "\x1b" not in text
    out = traces.state.with_name("out")
    assert str(out / "report.html") in text
    assert sorted(path.name for path in out.iterdir()) == ["metrics.txt", "report.html"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "storage.randread4k.iops" in page
    assert "nodeagent_up 1.0" in (out / "metrics.txt").read_text()


def test_what_the_demo_itself_says_fits_into_eighty_columns(traces: Traces) -> None:
    """Its own lines, not those of the commands; long paths are the test's."""
    from nodeagent.demo import script

    text = Path(script.__file__).read_text()
    said = re.findall(r'(heading|say|server)\("([^"]+)"\)', text)
    prefixes = {"heading": "== 10. ", "say": "", "server": "on a server: "}
    assert len(said) > 12
    assert [line for kind, line in said if len(prefixes[kind] + line) > 80] == []


@needs_all
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["$ losetup", "== 4.", "5 benchmarks to run"])
def test_interrupted_it_removes_everything_and_says_so(traces: Traces, number: signal.Signals, moment: str) -> None:
    process = start(traces)
    wait_for(traces, moment, process)
    time.sleep(random.random())
    process.send_signal(number)
    assert process.wait(timeout=60) == ExitCode.INTERRUPTED
    assert "Traceback" not in traces.log.read_text()
    assert_nothing_left(traces)


@needs_all
def test_a_lost_terminal_is_an_end_like_ctrl_c(traces: Traces) -> None:
    """An ssh session that breaks: SIGHUP, and every write fails from then on."""
    master, slave = pty.openpty()
    command = [sys.executable, "-c", CODE, "demo", "--out", "out", "--state-dir", str(traces.state)]
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "PYTHONPATH": str(AGENT), "TERM": "xterm"},
        cwd=traces.state.parent,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one system call
    )
    os.close(slave)
    said = b""
    while b"benchmarks to run" not in said:
        said += os.read(master, 65536)
    traces.log.write_bytes(said)
    os.close(master)
    process.wait(timeout=60)
    assert process.returncode not in (0, -signal.SIGKILL)
    assert_nothing_left(traces)


@needs_all
def test_killed_again_and_again_the_next_start_removes_what_was_left(traces: Traces) -> None:
    chance = random.Random()
    seed = chance.randrange(10**6)
    chance.seed(seed)
    killed_with_traces = 0
    for _ in range(8):
        process = start(traces)
        time.sleep(chance.uniform(0.3, 14.0))
        process.kill()
        process.wait()
        killed_with_traces += bool(traces.all())
    assert killed_with_traces, f"seed {seed}: no kill left anything, so nothing was shown"
    at = len(traces.log.read_text())
    process = start(traces)
    wait_for(traces, "== 3.", process, start_at=at)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == ExitCode.INTERRUPTED, f"seed {seed}"
    assert_nothing_left(traces)
    assert "left:" not in traces.log.read_text(), f"seed {seed}"


@needs_all
def test_two_demos_at_once_do_not_touch_each_other(traces: Traces) -> None:
    first, second = start(traces), start(traces)
    wait_for(traces, "== 4.", first)
    second.send_signal(signal.SIGINT)
    assert second.wait(timeout=60) == ExitCode.INTERRUPTED
    assert first.poll() is None
    assert len(traces.files()) == 1
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=60) == ExitCode.INTERRUPTED
    assert_nothing_left(traces)


def python_of_nobody() -> list[str]:
    """An interpreter that an unprivileged user may start, which ours below somebody's home may not be."""
    nobody = [tool("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
    probe = "import os, sys; sys.exit(not os.access(sys.executable, os.X_OK) or sys.version_info < (3, 11))"
    here = [*nobody, tool("test"), "-r", str(Path(nodeagent.__file__))]
    if subprocess.run(here, capture_output=True, check=False).returncode != 0:
        missing("a checkout that nobody may read", remedy="clone it where others may look, not below /root")
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([*nobody, python, "-c", probe], capture_output=True, check=False).returncode == 0:
            return [*nobody, python]
    return missing("a Python 3.11 that nobody may start", remedy="apt-get install python3")


@pytest.fixture
def nobodys() -> Iterator[Traces]:
    """A directory that nobody can reach; those of pytest are root's alone."""
    with tempfile.TemporaryDirectory(prefix="nodeagent-test-", dir="/var/tmp") as directory:
        os.chown(directory, NOBODY, NOBODY)
        made = Traces(Path(directory) / "state")
        made.log.touch()
        yield made


@need_root
@need_tool("setpriv", "fio", "iperf3")
def test_without_root_it_says_what_is_left_out_and_changes_nothing(nobodys: Traces) -> None:
    machine = settings()
    process = start(nobodys, python=python_of_nobody(), extra={"HOME": str(nobodys.state.parent)})
    code = process.wait(timeout=THREE_MINUTES)
    text = nobodys.log.read_text()
    assert code == 0, text
    assert "only root may" in text
    assert "net.core.rmem_max" in text.split("$ nodeagent tune plan")[1]
    assert "$ nodeagent tune apply" not in text
    assert "$ nodeagent tune rollback" not in text
    assert settings() == machine
    assert (nobodys.state.with_name("out") / "report.html").exists()
    assert nobodys.files() == []
