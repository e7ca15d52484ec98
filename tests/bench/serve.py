"""What `nodeagent serve` costs at rest, beside Debian's node_exporter: resident memory, and one scrape over loopback.

The two pages differ: node_exporter reads the kernel while it is asked, nodeagent hands out what it read before. That
is the point of the comparison, and the reason why its scrape should not take longer.
"""

import contextlib
import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from tests.bench.figure import Goal, Row, take_turns
from tests.needs import find_tool

_CODE = "import sys; from nodeagent.cli.main import main; sys.exit(main())"
_THEIRS = "prometheus-node-exporter"
_READY_SECONDS = 30.0
_SCRAPES_A_ROUND = 20


class Serve:
    """Both run side by side and take turns at answering."""

    name = "serve"
    summary = "memory and scrape time of nodeagent serve over node_exporter"

    def measure(self, *, workspace: Path, rounds: int) -> Sequence[Row]:
        theirs = find_tool(_THEIRS)
        if theirs is None:
            raise RuntimeError(f"{_THEIRS} is missing: scripts/install-system-tools bench")
        with contextlib.ExitStack() as stack:
            start = partial(_started, stack, workspace)
            ours_port, theirs_port = _free_port(), _free_port()
            state = str(workspace / "state")
            listen = f"127.0.0.1:{ours_port}"
            ours = start(
                [
                    sys.executable,
                    "-c",
                    _CODE,
                    "serve",
                    "--listen",
                    listen,
                    "--state-dir",
                    state,
                    "--profile",
                    "workstation",
                ],
                ours_port,
                "nodeagent_build_info",
            )
            other = start(
                [theirs, f"--web.listen-address=127.0.0.1:{theirs_port}"], theirs_port, "node_exporter_build_info"
            )
            seconds = take_turns(
                {"ours": partial(_scrape, ours.port), "theirs": partial(_scrape, other.port)}, rounds=rounds
            )
            return [
                Row(
                    label="one scrape of nodeagent serve",
                    unit="s",
                    ours=seconds["ours"],
                    beside_label=_THEIRS,
                    beside=seconds["theirs"],
                    goal=Goal(bound=1.0),
                ),
                Row(
                    label="resident memory of nodeagent serve",
                    unit="MiB",
                    ours=ours.resident_mebibytes(),
                    beside_label=_THEIRS,
                    beside=other.resident_mebibytes(),
                ),
            ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    pid: int
    port: int

    def resident_mebibytes(self) -> float:
        resident: int = psutil.Process(self.pid).memory_info().rss
        return resident / 2**20


def _started(stack: contextlib.ExitStack, workspace: Path, argv: Sequence[str], port: int, ready: str) -> _Server:
    return stack.enter_context(_running(workspace, argv, port, ready))


@contextlib.contextmanager
def _running(workspace: Path, argv: Sequence[str], port: int, ready: str) -> Iterator[_Server]:
    with (workspace / f"log-{port}").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while ready not in _page(port):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{argv[0]} is not ready: {(workspace / f'log-{port}').read_text()}")
            time.sleep(0.1)
        yield _Server(pid=process.pid, port=port)
    finally:
        process.terminate()
        process.wait()


def _scrape(port: int) -> float:
    """Mean seconds of some scrapes in a row, each on a connection of its own."""
    began = time.perf_counter()
    for _ in range(_SCRAPES_A_ROUND):
        if not _page(port):
            raise RuntimeError(f"no page on port {port}")
    return (time.perf_counter() - began) / _SCRAPES_A_ROUND


def _page(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


SERVE = Serve()
