"""A benchmark that is one fio job: the files in benchmarks/ say which, and what is read from its result."""

from collections.abc import Callable
from dataclasses import dataclass

from nodeagent.bench.benchmark import Job, RawOutput, RunSpec
from nodeagent.bench.fio import (
    ENGINES,
    IOPS_LOG_NAME,
    OUTPUT_NAME,
    FioJob,
    Pattern,
    check_version,
    measuring_command,
    prefill_command,
    with_engine,
)
from nodeagent.bench.fio_result import FioResult, check_against_job, iops_series, parse_fio
from nodeagent.bench.options import check_options, whole_number, yes_or_no
from nodeagent.bench.tool_output import check_ended_well
from nodeagent.model.errors import BenchmarkError
from nodeagent.model.facts import HostFacts
from nodeagent.model.measurement import Direction, Metric, Sample, Unit
from nodeagent.model.need import Need, NeedKind

FIO = Need(kind=NeedKind.TOOL, name="fio", reason="makes the load and measures it", remedy="apt-get install fio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One metric and where it stands in a result."""

    metric: Metric
    read: Callable[[FioResult], float]


def iops_figure(subject: str, summary: str) -> Figure:
    metric = Metric(name=f"storage.{subject}.iops", unit=Unit.IOPS, direction=Direction.HIGHER, summary=summary)
    return Figure(metric=metric, read=lambda result: result.iops)


def bandwidth_figure(subject: str, summary: str) -> Figure:
    metric = Metric(
        name=f"storage.{subject}.bytes_per_second",
        unit=Unit.BYTES_PER_SECOND,
        direction=Direction.HIGHER,
        summary=summary,
    )
    return Figure(metric=metric, read=lambda result: result.read.bytes_per_second + result.write.bytes_per_second)


def cpu_figure(subject: str) -> Figure:
    """What a request costs: a drive that is fast only with all CPUs busy is not fast for the validator."""
    metric = Metric(
        name=f"storage.{subject}.cpu_seconds_per_io",
        unit=Unit.SECONDS,
        direction=Direction.LOWER,
        summary="CPU time of the load generator for one request, user and system",
        gate=False,
    )
    return Figure(metric=metric, read=lambda result: result.cpu_seconds / result.total_ios)


def read_latency_figure(subject: str, percent: float, *, gate: bool) -> Figure:
    name = f"p{percent:g}".replace(".", "")
    metric = Metric(
        name=f"storage.{subject}.latency_{name}",
        unit=Unit.SECONDS,
        direction=Direction.LOWER,
        summary=f"read latency from submission to completion, {percent:g} % are not slower",
        gate=gate,
    )
    return Figure(metric=metric, read=lambda result: _read_percentile(result, percent))


@dataclass(frozen=True, slots=True, kw_only=True)
class FioBenchmark:
    """`iodepth` (per thread) and `jobs` (threads) are defaults of the options of the same name."""

    name: str
    summary: str
    pattern: Pattern
    block_bytes: int
    iodepth: int
    jobs: int
    figures: tuple[Figure, ...]
    read_percent: int | None = None

    kind: str = "storage"
    tool: str = "fio"
    needs: tuple[Need, ...] = (FIO,)
    option_names: tuple[str, ...] = ("iodepth", "jobs", "direct")
    prefills: bool = True

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(figure.metric for figure in self.figures)

    @property
    def writes(self) -> bool:
        return self.pattern.writes

    def prepare(self, spec: RunSpec, facts: HostFacts) -> Job:
        """BenchmarkError where fio cannot do it here; UsageError, first, for an option that cannot be meant."""
        check_options(spec, benchmark=self.name, known=self.option_names)
        iodepth, jobs = self._load(spec)
        direct = yes_or_no(spec, "direct", default=True)
        check_version(spec.tools.fio)
        if spec.test_file is None:
            raise BenchmarkError(f"{self.name}: no test file to measure on")
        job = with_engine(
            FioJob(
                name=self.name,
                path=spec.test_file.target,
                size_bytes=spec.test_file.size_bytes,
                pattern=self.pattern,
                block_bytes=self.block_bytes,
                iodepth=iodepth,
                jobs=jobs,
                engine=ENGINES[0],
                runtime_seconds=spec.runtime_seconds,
                ramp_seconds=spec.ramp_seconds,
                read_percent=self.read_percent,
                direct=direct,
                numa_node=_numa_node(spec, facts),
                inherit_fds=spec.test_file.inherit_fds,
            ),
            tried=spec.tools.fio_engines,
        )
        return Job(
            main=measuring_command(job, workspace=spec.workspace),
            before=(prefill_command(job, workspace=spec.workspace),) if spec.test_file.prefill else (),
            output_file=spec.workspace / OUTPUT_NAME,
            log_files=(spec.workspace / IOPS_LOG_NAME,),
            ramp_seconds=spec.ramp_seconds,
            runtime_seconds=spec.runtime_seconds,
            notes=() if job.engine == ENGINES[0] else (f"{ENGINES[0]} does not work here: measured with {job.engine}",),
        )

    def parse(self, raw: RawOutput, spec: RunSpec) -> tuple[Sample, ...]:
        """BenchmarkError for every output that is not the whole, honest result of the job that was asked for."""
        check_ended_well(raw.completed, tool="fio", silent=True)
        result = parse_fio(raw.output)
        self._check(result, spec)
        series = iops_series(raw.logs.get(IOPS_LOG_NAME, ""))
        return tuple(
            Sample(
                metric=figure.metric.name,
                value=figure.read(result),
                series=self._series(figure.metric, series),
            )
            for figure in self.figures
        )

    def _load(self, spec: RunSpec) -> tuple[int, int]:
        """Requests in flight per thread, and threads."""
        return (
            whole_number(spec, "iodepth", default=self.iodepth, least=1, most=4096),
            whole_number(spec, "jobs", default=self.jobs, least=1, most=1024),
        )

    def _check(self, result: FioResult, spec: RunSpec) -> None:
        iodepth, jobs = self._load(spec)
        wanted = {"read": not self.pattern.writes or self.read_percent is not None, "write": self.pattern.writes}
        for what, direction in (("read", result.read), ("write", result.write)):
            if wanted[what]:
                check_against_job(
                    direction,
                    what=what,
                    block_bytes=self.block_bytes,
                    in_flight=iodepth * jobs,
                    runtime_seconds=spec.runtime_seconds,
                )
            elif direction.io_bytes or direction.total_ios:
                raise BenchmarkError(f"fio: got {direction.io_bytes} bytes of {what}, wanted none in {self.name}")

    def _series(self, metric: Metric, iops: tuple[float, ...]) -> tuple[float, ...]:
        """The log holds requests of all directions; every request of a job has one size."""
        if metric.unit is Unit.BYTES_PER_SECOND:
            return tuple(value * self.block_bytes for value in iops)
        return iops if metric.name.endswith(".iops") else ()


def _numa_node(spec: RunSpec, facts: HostFacts) -> int | None:
    """The node to bind to: only where there is a choice, and fio was built to make it."""
    populated = {node.id for node in facts.numa_nodes if node.cpus.cpus}
    if len(populated) < 2 or spec.numa_node not in populated or "numa" not in spec.tools.fio_features:
        return None
    return spec.numa_node


def _read_percentile(result: FioResult, percent: float) -> float:
    percentiles = result.read.latency.percentiles if result.read.latency else {}
    if percent not in percentiles:
        raise BenchmarkError(f"fio: jobs[0].read.lat_ns.percentile: got {sorted(percentiles)}, wanted {percent:g} too")
    return percentiles[percent]
