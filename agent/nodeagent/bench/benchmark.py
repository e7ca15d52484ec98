"""The contract of a benchmark: what to start and how to read what it printed, both pure.

The runner owns processes, time limits, test files and their removal; a benchmark only describes. One execution is one
run; `parse` gives at most one Sample a metric for it, or raises BenchmarkError with what was wrong in the output, so
that no made-up number can reach the history.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nodeagent.model.command import Command, Completed
from nodeagent.model.facts import HostFacts
from nodeagent.model.measurement import Metric, Place, Sample
from nodeagent.model.need import Need


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolVersions:
    """What was probed once a suite: version text and what the tool can do here."""

    fio: str = ""
    fio_engines: tuple[str, ...] = ()
    iperf3: str = ""
    iperf3_features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """A file of our own to measure on: made O_EXCL, written full before a read test, removed or kept by the runner."""

    __test__ = False

    path: Path
    size_bytes: int
    prefill: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """One run to prepare: where, with which options (already typed: seconds, bytes), with which tools.

    `workspace` is a directory of this run for logs and output files. For storage `test_file` lies in the place's
    directory; for network `server_address`, `port` and the two namespaces (None = this one) are set.
    """

    place: Place
    workspace: Path
    tools: ToolVersions
    runtime_seconds: float
    ramp_seconds: float
    test_file: TestFile | None = None
    server_address: str = ""
    port: int = 0
    server_namespace: str | None = None
    client_namespace: str | None = None
    numa_node: int | None = None
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the runner starts: perhaps a server first (ready when it listens or prints `server_ready`), then `main`."""

    main: Command
    server: Command | None = None
    server_ready: str = ""
    output_file: Path | None = None
    log_files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawOutput:
    """All that a run left: how the command ended, its output file and logs, size-capped by the runner."""

    completed: Completed
    output: str
    logs: dict[str, str] = field(default_factory=dict)


class Benchmark(Protocol):
    """`kind` is "storage" or "network"; `tool` is fio or iperf3; `metrics` in the order a report shows them."""

    name: str
    summary: str
    kind: str
    tool: str
    metrics: tuple[Metric, ...]
    needs: tuple[Need, ...]
    writes: bool
    prefills: bool

    def prepare(self, spec: RunSpec, facts: HostFacts) -> Job: ...

    def parse(self, raw: RawOutput, spec: RunSpec) -> tuple[Sample, ...]: ...
