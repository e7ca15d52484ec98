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
    """What was probed once a suite: version text and what the tool can do here.

    `fio_engines` holds what was tried and works, best first; "" as a version means that the tool is missing.
    """

    fio: str = ""
    fio_engines: tuple[str, ...] = ()
    fio_features: tuple[str, ...] = ()
    iperf3: str = ""
    iperf3_features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """A file of our own to measure on (host/datasafety/test_area.py), written full first where `prefill` is set.

    `fd` is an open descriptor of it: the tool inherits it and opens the file through it, whatever becomes of the name.
    """

    __test__ = False

    path: Path
    size_bytes: int
    prefill: bool
    fd: int | None = None

    @property
    def target(self) -> Path:
        """What a child that inherits `fd` opens."""
        return self.path if self.fd is None else Path(f"/proc/self/fd/{self.fd}")

    @property
    def inherit_fds(self) -> tuple[int, ...]:
        return () if self.fd is None else (self.fd,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """One run to prepare: where, with which options (already typed: seconds, bytes), with which tools.

    `workspace` is a directory of this run for logs and output files; the runner makes it below the one it is given.
    For storage `test_file` lies in the place's directory; for network `server_address` and the two namespaces (None =
    this one) are set, and the runner chooses `port` where it is 0.
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
    """What the runner starts: `before` one after the other (the prefill), perhaps a server (ready when it prints
    `server_ready`), then `main`.

    `ramp_seconds` and `runtime_seconds` are what the tool was told, for live progress; `notes` are kept with the run.
    """

    main: Command
    before: tuple[Command, ...] = ()
    server: Command | None = None
    server_ready: str = ""
    output_file: Path | None = None
    log_files: tuple[Path, ...] = ()
    ramp_seconds: float = 0.0
    runtime_seconds: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawOutput:
    """All that a run left: how the command ended, its output file and logs, size-capped by the runner."""

    completed: Completed
    output: str
    logs: dict[str, str] = field(default_factory=dict)


class Benchmark(Protocol):
    """`kind` is "storage" or "network"; `tool` is fio or iperf3; `metrics` in the order a report shows them.

    `option_names` are the keys of `RunSpec.options` it understands; another one is a UsageError of `prepare`.
    """

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def tool(self) -> str: ...

    @property
    def metrics(self) -> tuple[Metric, ...]: ...

    @property
    def needs(self) -> tuple[Need, ...]: ...

    @property
    def writes(self) -> bool: ...

    @property
    def prefills(self) -> bool: ...

    @property
    def option_names(self) -> tuple[str, ...]: ...

    def prepare(self, spec: RunSpec, facts: HostFacts) -> Job: ...

    def parse(self, raw: RawOutput, spec: RunSpec) -> tuple[Sample, ...]: ...
