"""Real outputs of fio 3.33 and iperf3 3.12 (tests/fixtures), and the runs they came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nodeagent.bench.benchmark import Benchmark, RawOutput, RunSpec, TestFile, ToolVersions
from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.model.command import Command, Completed
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import Cpus, HostFacts, Kernel, Memory, NumaNode, Platform
from nodeagent.model.measurement import Place

FIXTURES = Path(__file__).parents[2] / "fixtures"
FIO = FIXTURES / "fio" / "3.33"
IPERF3 = FIXTURES / "iperf3" / "3.12"

BY_NAME: dict[str, Benchmark] = {benchmark.name: benchmark for benchmark in BENCHMARKS}
TOOLS = ToolVersions(
    fio="fio-3.33",
    fio_engines=("io_uring", "psync"),
    fio_features=("numa",),
    iperf3="iperf 3.12",
    iperf3_features=("rcv-timeout", "idle-timeout", "one-off"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One real run: what the tool left, and what had been asked of it."""

    benchmark: Benchmark
    text: str
    log: str
    spec: RunSpec

    def raw(self, text: str | None = None, *, log: str | None = None) -> RawOutput:
        return RawOutput(
            completed=ended(),
            output=self.text if text is None else text,
            logs={"fio_iops.log": self.log if log is None else log} if self.benchmark.tool == "fio" else {},
        )


def ended(
    *,
    exit_code: int = 0,
    stdout: bytes = b"",
    stderr: bytes = b"",
    signal: int | None = None,
    timed_out: bool = False,
    truncated: bool = False,
    interrupted: bool = False,
) -> Completed:
    return Completed(
        command=Command(argv=("tool",), timeout_seconds=60),
        exit_code=exit_code,
        stdout=stdout,
        stderr=stderr,
        started_at=0.0,
        duration_seconds=4.0,
        signal=signal,
        timed_out=timed_out,
        truncated=truncated,
        interrupted=interrupted,
    )


def spec(
    benchmark: Benchmark,
    *,
    runtime_seconds: float = 3,
    ramp_seconds: float = 1,
    tools: ToolVersions = TOOLS,
    numa_node: int | None = None,
    prefill: bool = False,
    path: Path = Path("/srv/ledger/area/testfile"),
    fd: int | None = None,
    address: str = "127.0.0.1",
    options: Mapping[str, str] | None = None,
    client_namespace: str | None = None,
    server_namespace: str | None = None,
) -> RunSpec:
    file = TestFile(path=path, size_bytes=64 << 20, prefill=prefill, fd=fd) if benchmark.kind == "storage" else None
    return RunSpec(
        place=Place(role="ledger"),
        workspace=Path("/var/lib/nodeagent/runs/run-1"),
        tools=tools,
        runtime_seconds=runtime_seconds,
        ramp_seconds=ramp_seconds,
        test_file=file,
        server_address=address,
        port=0 if file else 29123,
        server_namespace=server_namespace,
        client_namespace=client_namespace,
        numa_node=numa_node,
        options=dict(options or {}),
    )


def recorded(name: str) -> Recorded:
    """The run recorded under the benchmark's own name."""
    benchmark = BY_NAME[name]
    directory = FIO if benchmark.tool == "fio" else IPERF3
    log = directory / f"{name}.iops.log"
    return Recorded(
        benchmark=benchmark,
        text=(directory / f"{name}.json").read_text(),
        log=log.read_text() if log.exists() else "",
        spec=spec(benchmark),
    )


def facts(*, nodes: tuple[NumaNode, ...] = ()) -> HostFacts:
    return HostFacts(
        cpus=Cpus(
            online=CpuSet.parse("0-1"),
            possible=CpuSet.parse("0-1"),
            isolated=CpuSet(),
            packages=1,
            cores=2,
            threads_per_core=1,
        ),
        numa_nodes=nodes,
        block_devices=(),
        nics=(),
        pci_devices=(),
        memory=Memory(total_bytes=None),
        kernel=Kernel(release="6.1.0"),
        platform=Platform(),
    )
