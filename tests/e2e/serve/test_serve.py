"""`nodeagent serve` as systemd and Prometheus see it: start, scrape, refresh, end."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from nodeagent.model.errors import ExitCode
from tests.e2e.serve.program import PROGRAM, environment, serve
from tests.needs import need_root, need_tool, tool

pytestmark = pytest.mark.e2e

GOLDEN = Path(__file__).parents[2] / "fixtures" / "serve" / "metrics.txt"
READY = "nodeagent_build_info"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, env=environment(), timeout=60, check=False
    )


def lint(page: str) -> str:
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@need_tool("promtool")
def test_promtool_finds_nothing_in_the_golden_page() -> None:
    assert lint(GOLDEN.read_text()) == ""


@need_tool("promtool")
def test_promtool_finds_nothing_in_a_real_page(tmp_path: Path) -> None:
    with serve(tmp_path, "--profile", "workstation") as served:
        page = served.wait_for(READY)
    assert lint(page) == ""
    assert re.search(r'nodeagent_tunable_state\{state="\w+",tunable="sysctl"\} 1\.0', page)
    assert "nodeagent_benchmark_target{" in page
    assert "nodeagent_up 1.0" in page


def test_it_says_that_it_is_healthy_once_it_has_read_the_host(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        served.wait_for(READY)
        assert served.get("/healthz") == (200, "ok\n")
        assert served.get("/")[0] == 200
        assert served.get("/nothing")[0] == 404


def test_sigterm_ends_it_within_a_second_with_clients_attached_and_nothing_left(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        served.wait_for(READY)
        with socket.create_connection(("127.0.0.1", served.port)) as idle:
            idle.sendall(b"GET /metrics HTTP/1.1\r\n")
            children = psutil.Process(served.process.pid).children(recursive=True)
            assert served.stop() < 1
        assert served.process.returncode == 0
        assert children == []
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", served.port)).close()


def test_ctrl_c_is_an_end_like_any_other(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        served.wait_for(READY)
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(timeout=5) == 0
        assert "Traceback" not in served.log.read_text()


def test_sighup_reads_the_host_again_now(tmp_path: Path) -> None:
    def taken(page: str) -> float:
        match = re.search(r"^nodeagent_refresh_timestamp_seconds (\S+)", page, re.MULTILINE)
        assert match is not None
        return float(match[1])

    with serve(tmp_path, "--refresh", "1h") as served:
        before = taken(served.wait_for(READY))
        served.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while taken(served.get()[1]) == before:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_second_one_on_the_same_port_says_so_and_ends(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        second = run("serve", "--listen", f"127.0.0.1:{served.port}", "--state-dir", str(tmp_path / "other"))
        assert second.returncode == ExitCode.BUSY
        assert f"127.0.0.1:{served.port}" in second.stderr
        assert "next:" in second.stderr
        assert served.wait_for(READY)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--listen", "0.0.0.0:0"], ExitCode.REFUSED),
        (["--listen", "[::]:0"], ExitCode.REFUSED),
        (["--listen", "nonsense"], ExitCode.USAGE),
        (["--listen", "127.0.0.1:99999"], ExitCode.USAGE),
        (["--refresh", "0s"], ExitCode.USAGE),
        (["--refresh", "soon"], ExitCode.USAGE),
        (["--profile", "no-such-profile"], ExitCode.ERROR),
        (["--stage", "no-such-stage"], ExitCode.ERROR),
        (["--stage", "../local"], ExitCode.ERROR),
    ],
)
def test_a_wrong_argument_ends_before_anything_is_opened(arguments: list[str], code: ExitCode, tmp_path: Path) -> None:
    done = run("serve", "--state-dir", str(tmp_path / "state"), *arguments)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(("nodeagent: ", "Usage: "))
    assert "listening" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_it_writes_nothing_not_even_its_state_directory(tmp_path: Path) -> None:
    with serve(tmp_path / "work", "--profile", "workstation", "--refresh", "1s") as served:
        served.wait_for(READY)
        time.sleep(2.5)
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["log"]


def test_systemd_is_told_when_it_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(30)
        with serve(tmp_path / "work", NOTIFY_SOCKET=str(tmp_path / "notify")) as served:
            assert receiver.recv(64) == b"READY=1"
            assert READY in served.get()[1]
            served.stop()
            assert receiver.recv(64) == b"STOPPING=1"


STUCK = """
import time
from nodeagent.serve.address import ListenAddress
from nodeagent.serve.daemon import run
import sys
run(ListenAddress.parse("127.0.0.1:0"), take=lambda traffic, failures: time.sleep(600), refresh_seconds=1,
    tell=lambda line: print(line, file=sys.stderr, flush=True))
"""

BROKEN = """
import sys
from nodeagent.serve.address import ListenAddress
from nodeagent.serve.daemon import run
def take(traffic, failures):
    raise RuntimeError(f"the disk is gone, {failures} failures before")
run(ListenAddress.parse("127.0.0.1:0"), take=take, refresh_seconds=1,
    tell=lambda line: print(line, file=sys.stderr, flush=True))
"""


def test_a_host_that_hangs_delays_neither_an_answer_nor_the_end(tmp_path: Path) -> None:
    with serve(tmp_path, argv=[sys.executable, "-c", STUCK]) as served:
        assert served.get("/healthz")[0] == 503
        assert served.get("/metrics")[0] == 503
        assert served.stop() < 1


def test_a_refresh_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    with serve(tmp_path, argv=[sys.executable, "-c", BROKEN]) as served:
        served.wait_for("1 failures before", path="/healthz")
        assert served.get("/healthz")[0] == 503
        assert "RuntimeError: the disk is gone" in served.log.read_text()
        assert served.process.poll() is None


@need_root
@need_tool("strace")
def test_a_scrape_opens_no_file_and_starts_no_process(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with serve(tmp_path / "work", "--profile", "workstation", "--refresh", "1h") as served:
        served.wait_for(READY)
        calls = "trace=openat,open,creat,execve,clone,clone3,vfork,fork,unlink,rename,write"
        tracer = subprocess.Popen(
            [tool("strace"), "-f", "-qq", "-p", str(served.process.pid), "-e", calls, "-o", str(trace)],
            stderr=subprocess.PIPE,
        )
        try:
            _wait_until_traced(served.process.pid)
            for path in ("/metrics", "/healthz", "/", "/nothing") * 10:
                served.get(path)
        finally:
            tracer.terminate()
            tracer.communicate(timeout=20)
    assert trace.read_text() == ""


def _wait_until_traced(pid: int) -> None:
    deadline = time.monotonic() + 20
    while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@need_tool("promtool")
def test_what_it_counts_of_itself_shows_after_the_next_refresh(tmp_path: Path) -> None:
    with serve(tmp_path, "--refresh", "1s") as served:
        served.wait_for(READY)
        page = served.wait_for('nodeagent_http_responses_total{code="200",path="/metrics"}')
        assert "process_open_fds" in page
        lint(page)
