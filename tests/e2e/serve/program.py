"""A running `nodeagent serve`, and the simplest client there is."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

AGENT = Path(__file__).parents[3] / "agent"
PROGRAM = [sys.executable, "-c", "import sys; from nodeagent.cli.main import main; sys.exit(main())"]


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(AGENT), **extra}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """`port` on 127.0.0.1; `log` is its stderr so far."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str = "/metrics", *, timeout: float = 10) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def wait_for(self, text: str, *, path: str = "/metrics", seconds: float = 30) -> str:
        """The page once it holds a text."""
        deadline = time.monotonic() + seconds
        while text not in (page := self.get(path)[1]):
            assert time.monotonic() < deadline, page
            time.sleep(0.05)
        return page

    def stop(self) -> float:
        """Seconds from SIGTERM to the end."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        return time.monotonic() - began


@contextlib.contextmanager
def serve(workspace: Path, *options: str, argv: list[str] | None = None, **extra: str) -> Iterator[Served]:
    """Start it on a free port, and end it however the test ends."""
    workspace.mkdir(exist_ok=True)
    log = workspace / "log"
    command = argv or [*PROGRAM, "serve", "--listen", "127.0.0.1:0", "--state-dir", str(workspace / "state"), *options]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stderr=stream, stdin=subprocess.DEVNULL, env=environment(**extra))
    try:
        yield Served(process=process, port=_port(process, log), log=log)
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + 30
    while (match := re.search(r"127\.0\.0\.1:(\d+)", log.read_text())) is None:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "it says no address"
        time.sleep(0.02)
    return int(match[1])
