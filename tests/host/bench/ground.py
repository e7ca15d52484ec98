"""What these tests stand on: test files, specs, fake programs; all below the test's own directory."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodeagent.bench.benchmark import Benchmark, RunSpec, TestFile, ToolVersions
from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.host.process_family import ProcessEntry, list_processes
from nodeagent.host.workspace import MARK_VARIABLE
from nodeagent.model.measurement import Place

BY_NAME: dict[str, Benchmark] = {benchmark.name: benchmark for benchmark in BENCHMARKS}
SIZE_BYTES = 32 * 1024 * 1024
TOOLS = ToolVersions(fio="fio-3.33", fio_engines=("io_uring", "psync"), iperf3="iperf 3.12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A directory of the test's own with room for a test file and the runner's workspaces."""

    directory: Path

    @property
    def file(self) -> Path:
        return self.directory / "testfile"

    @property
    def workspaces(self) -> Path:
        return self.directory / "runs"

    def make_file(self, size_bytes: int = SIZE_BYTES) -> Path:
        with self.file.open("xb") as stream:
            os.posix_fallocate(stream.fileno(), 0, size_bytes)
        return self.file

    def spec(
        self,
        name: str,
        *,
        runtime_seconds: float = 1,
        ramp_seconds: float = 0,
        prefill: bool = False,
        size_bytes: int = SIZE_BYTES,
        tools: ToolVersions = TOOLS,
        fd: int | None = None,
        port: int = 0,
        address: str = "127.0.0.1",
        options: Mapping[str, str] | None = None,
        server_namespace: str | None = None,
        client_namespace: str | None = None,
    ) -> RunSpec:
        storage = BY_NAME[name].kind == "storage"
        return RunSpec(
            place=Place(role="test"),
            workspace=self.workspaces,
            tools=tools,
            runtime_seconds=runtime_seconds,
            ramp_seconds=ramp_seconds,
            test_file=TestFile(path=self.file, size_bytes=size_bytes, prefill=prefill, fd=fd) if storage else None,
            server_address=address,
            port=port,
            server_namespace=server_namespace,
            client_namespace=client_namespace,
            options=dict(options or {}),
        )

    def check_nothing_left(self) -> None:
        """No workspace, and nobody who carries the mark of one."""
        assert not self.workspaces.exists() or not list(self.workspaces.iterdir())
        assert not [environment(entry) for entry in children_of_runs()]


def children_of_runs() -> list[ProcessEntry]:
    """Living processes that a runner of this test process started."""
    us = os.getpid()
    return [entry for entry in marked_processes_of_any_run() if entry.parent == us]


def marked_processes_of_any_run() -> list[ProcessEntry]:
    """Everyone on this machine who belongs to a run."""
    wanted = f"{MARK_VARIABLE}=".encode()
    return [
        entry for entry in list_processes() if entry.alive and any(v.startswith(wanted) for v in environment(entry))
    ]


def environment(entry: ProcessEntry) -> list[bytes]:
    """What the process was started with; empty once it is gone."""
    try:
        return Path(f"/proc/{entry.pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def fake_program(directory: Path, name: str, body: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python program that is found before the real one of that name."""
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text(f"#!{sys.executable} -IS\nimport os, signal, socket, struct, subprocess, sys, time\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return program
