"""A machine, benchmarks and a runner that are none, so that the engine can be tested without starting anything."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nodeagent.bench.benchmark import Benchmark, Job, RawOutput, RunSpec, ToolVersions
from nodeagent.bench.effort import Effort
from nodeagent.bench.events import Event, Trouble
from nodeagent.bench.laboratory import Laboratory
from nodeagent.bench.places import NetworkPath, Site
from nodeagent.bench.recorder import Recorder
from nodeagent.bench.runner import Phase, Progress
from nodeagent.bench.suite import Item
from nodeagent.history import History, Suite
from nodeagent.host.host import Host
from nodeagent.host.process import Cancel
from nodeagent.model.command import Command
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.errors import UsageError
from nodeagent.model.facts import Cpus, HostFacts, Kernel, Memory, Platform
from nodeagent.model.measurement import Direction, Metric, Place, Run, Sample, Target, Unit
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.profile import PlaceSetting

RATE = Metric(name="net.fake.bytes_per_second", unit=Unit.BYTES_PER_SECOND, direction=Direction.HIGHER, summary="rate")
LOSS = Metric(name="net.fake.loss_ratio", unit=Unit.RATIO, direction=Direction.LOWER, summary="loss")
INFO = Metric(name="net.fake.retransmits", unit=Unit.COUNT, direction=Direction.LOWER, summary="again", gate=False)
IPERF3 = Need(kind=NeedKind.TOOL, name="iperf3", reason="sends", remedy="apt-get install iperf3")
TOOLS = ToolVersions(fio="fio-3.33", fio_engines=("io_uring", "psync"), iperf3="iperf 3.12")
SUITE = Suite(id="s1", started_at=1.0)
EFFORT = Effort()

FACTS = HostFacts(
    cpus=Cpus(
        online=CpuSet.parse("0-1"),
        possible=CpuSet.parse("0-1"),
        isolated=CpuSet(),
        packages=1,
        cores=2,
        threads_per_core=1,
    ),
    numa_nodes=(),
    block_devices=(),
    nics=(),
    pci_devices=(),
    memory=Memory(total_bytes=2**30),
    kernel=Kernel(release="6.1"),
    platform=Platform(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeBenchmark:
    """Never prepared for real: the runner below makes up what it gives."""

    name: str = "fake"
    summary: str = "nothing"
    kind: str = "network"
    tool: str = "iperf3"
    metrics: tuple[Metric, ...] = (RATE, LOSS, INFO)
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.TOOL, name="iperf3", reason="sends", remedy="apt-get install iperf3"),
    )
    writes: bool = False
    prefills: bool = False
    option_names: tuple[str, ...] = ("streams",)

    def prepare(self, spec: RunSpec, facts: HostFacts) -> Job:
        if unknown := set(spec.options) - set(self.option_names):
            raise UsageError(f"{self.name}: no option {sorted(unknown)[0]!r}")
        return Job(main=Command(argv=("true",), timeout_seconds=1))

    def parse(self, raw: RawOutput, spec: RunSpec) -> tuple[Sample, ...]:
        raise AssertionError("the runner parses")


_is_one: Benchmark = FakeBenchmark()


@dataclass(slots=True, kw_only=True)
class FakeRunner:
    """Gives the runs in turn: a number is the rate, a text the reason of an aborted run. Remembers what was asked."""

    script: Iterator[float | str | BaseException]
    specs: list[RunSpec] = field(default_factory=list)
    after: Callable[[], None] = lambda: None

    def __call__(
        self,
        benchmark: Benchmark,
        spec: RunSpec,
        facts: HostFacts,
        *,
        cancel: Cancel | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Run:
        self.specs.append(spec)
        given = next(self.script)
        if isinstance(given, BaseException):
            raise given
        if on_progress is not None:
            on_progress(Progress(phase=Phase.MEASURE, elapsed_seconds=0.5, total_seconds=1.0))
        self.after()
        run = Run(
            benchmark=benchmark.name,
            place=spec.place,
            started_at=100.0 + len(self.specs),
            duration_seconds=1.0,
            command="fake",
            tool=benchmark.tool,
            tool_version="1",
            raw="{}",
        )
        if isinstance(given, str):
            return replace(run, aborted=given)
        samples = (
            Sample(metric=RATE.name, value=given),
            Sample(metric=LOSS.name, value=0.0),
            Sample(metric=INFO.name, value=3.0),
        )
        return replace(run, samples=tuple(s for s in samples if s.metric in {m.name for m in benchmark.metrics}))


def runner(*script: float | str | BaseException, after: Callable[[], None] = lambda: None) -> FakeRunner:
    return FakeRunner(script=iter(script), after=after)


def site(role: str = "peer", *, problem: str = "", refused: bool = False) -> Site:
    return Site(
        setting=PlaceSetting(role=role, peer="loopback"),
        place=Place(role=role, identity="loopback"),
        path=NetworkPath(server_address="127.0.0.1"),
        problem=problem,
        remedy="mount it" if problem else "",
        refused=refused,
    )


def item(benchmark: Benchmark | None = None, at: Site | None = None, **options: str) -> Item:
    return Item(
        benchmark=benchmark or FakeBenchmark(),
        site=at or site(),
        runtime_seconds=1.0,
        ramp_seconds=0.0,
        size_bytes=2**20,
        options=options,
    )


def rate_target(bound: float, *, role: str = "peer") -> Target:
    return Target(metric=RATE.name, role=role, stage="local", bound=bound, unit=RATE.unit, direction=Direction.HIGHER)


def laboratory(
    tmp_path: Path,
    run_once: FakeRunner,
    *,
    history: History | None = None,
    tools: ToolVersions = TOOLS,
    stage: str = "local",
    troubles: list[Trouble] | None = None,
) -> Laboratory:
    told = troubles if troubles is not None else []
    return Laboratory(
        host=Host(),
        facts=FACTS,
        tools=tools,
        state_directory=tmp_path,
        recorder=Recorder(history=history, suite=SUITE, on_trouble=told.append),
        stage=stage,
        run_once=run_once,
        wall_clock=lambda: 500.0,
        clock=lambda: 1.0,
    )


def kinds(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]
