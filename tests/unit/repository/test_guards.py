"""The guards of tests/conftest.py catch what they are there for, also behind `except Exception`."""

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import needs
from tests.conftest import ForbiddenInUnitTestError


def _connect() -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", 9))


def _listen() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


@pytest.mark.parametrize(
    "reach_for_the_machine",
    [
        lambda: subprocess.run(["true"], check=True),
        lambda: os.system("true"),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        lambda: os.execv("/bin/true", ["true"]),
        os.fork,
        _connect,
        _listen,
        lambda: socket.getaddrinfo("localhost", 1),
        lambda: Path("/proc/sys/vm/swappiness").write_text("60"),
        lambda: os.open("/sys/kernel/mm/transparent_hugepage/enabled", os.O_RDWR),
    ],
)
def test_a_unit_test_cannot_reach_the_machine(reach_for_the_machine: Callable[[], object]) -> None:
    with pytest.raises(ForbiddenInUnitTestError), contextlib.suppress(Exception):
        reach_for_the_machine()


def test_reading_and_own_files_stay_allowed(tmp_path: Path) -> None:
    (tmp_path / "sys").write_text("mine")
    assert Path("/proc/self/stat").read_text()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    asyncio.run(asyncio.sleep(0))


@pytest.mark.host
def test_a_host_test_may_start_processes() -> None:
    assert subprocess.run(["true"], check=False).returncode == 0


def test_a_missing_need_skips_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODEAGENT_TEST_STRICT", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no-such-program.*install-system-tools"):
        needs.tool("no-such-program")


def test_a_missing_need_is_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODEAGENT_TEST_STRICT", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        needs.tool("no-such-program")
