"""One execution of a benchmark: everything it needs made, everything it leaves removed, everything it said kept.

The benchmark only describes (benchmark.py); here its programs are started, watched and ended. A run that gave no
samples is a result with its reason (`Run.aborted`), so that a suite goes on and a report can say why. What is done
here happens before and after the tool's own measurement; during it, ten times a second, a look at the clock and at
what the tool printed.
"""

import random
import shlex
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum

from nodeagent.bench.benchmark import Benchmark, Job, RawOutput, RunSpec
from nodeagent.bench.fio import prefill_least_bytes
from nodeagent.bench.fio_progress import current_rates
from nodeagent.bench.fio_result import prefilled_bytes
from nodeagent.bench.iperf3_progress import current_bytes_per_second
from nodeagent.bench.tool_output import TEXT_LIMIT, check_ended_well
from nodeagent.host.direct_io import inspect_test_file
from nodeagent.host.process import Cancel, Running, run, start
from nodeagent.host.workspace import Workspace, sweep_workspaces, workspace
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import BenchmarkError, HostError
from nodeagent.model.facts import HostFacts
from nodeagent.model.measurement import Run, Sample, Unit

__all__ = ["Phase", "Progress", "run_once", "sweep_workspaces"]

WORKSPACE_LIMIT_BYTES = 2 * TEXT_LIMIT

_SERVER_READY_SECONDS = 10.0
_SERVER_END_SECONDS = 3.0
_PROGRESS_SECONDS = 0.5
_TAIL_BYTES = 64 * 1024

# Below the range that Linux gives to clients (net.ipv4.ip_local_port_range, from 32768), above the well-known ones.
_PORTS = range(20000, 30000)
_PORT_TAKEN = b"Address already in use"


class Phase(StrEnum):
    """What a run is doing."""

    PREFILL = "prefill"
    RAMP = "ramp"
    MEASURE = "measure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """About twice a second. `value` is the tool's figure of the last second, in `unit`; None while there is none.

    Times are of the program under way; `total_seconds` is 0 for a prefill, which takes what the drive takes.
    """

    phase: Phase
    elapsed_seconds: float
    total_seconds: float
    value: float | None = None
    unit: Unit | None = None


OnProgress = Callable[[Progress], None]


def run_once(
    benchmark: Benchmark,
    spec: RunSpec,
    facts: HostFacts,
    *,
    cancel: Cancel | None = None,
    on_progress: OnProgress | None = None,
) -> Run:
    """Execute a benchmark once. The workspace is made below `spec.workspace` and removed again.

    UsageError for options that cannot be meant, RefusedError for a test file that is not ours; all else that keeps a
    run from giving samples stands in `Run.aborted`. KeyboardInterrupt passes through when all is cleared away.
    """
    started_at, began = time.time(), time.monotonic()
    execution = _Execution(benchmark, spec, facts, cancel, on_progress)
    samples: tuple[Sample, ...] = ()
    aborted = ""
    try:
        samples = execution.measure()
    except (BenchmarkError, HostError) as error:
        aborted = f"{error.message} (next: {error.remedy})" if error.remedy else error.message
    return Run(
        benchmark=benchmark.name,
        place=spec.place,
        started_at=started_at,
        duration_seconds=time.monotonic() - began,
        command=execution.command_text(),
        tool=benchmark.tool,
        tool_version=spec.tools.fio if benchmark.tool == "fio" else spec.tools.iperf3,
        options=execution.options(),
        samples=samples,
        raw=execution.raw,
        aborted=aborted,
        notes=tuple(execution.notes),
    )


class _PortTakenError(BenchmarkError):
    """Somebody else listens there; another port will do."""


class _Execution:
    """The state of one run: what was prepared, what came out."""

    def __init__(
        self,
        benchmark: Benchmark,
        spec: RunSpec,
        facts: HostFacts,
        cancel: Cancel | None,
        on_progress: OnProgress | None,
    ) -> None:
        self.raw = ""
        self.notes: list[str] = []
        self._benchmark = benchmark
        self._spec = spec
        self._facts = facts
        self._cancel = cancel
        self._on_progress = on_progress
        self._job: Job | None = None

    def measure(self) -> tuple[Sample, ...]:
        given = self._spec
        with workspace(given.workspace) as place:
            try:
                return self._attempt(place, given)
            except _PortTakenError as error:
                if given.port:
                    raise
                self.notes.append(f"{error.message}: tried another one")
            return self._attempt(place, given)

    def command_text(self) -> str:
        """What to type to do the same, one program a line."""
        if self._job is None:
            return ""
        lines = [self._line(command) for command in self._job.before]
        lines += [self._line(self._job.server) + " &"] if self._job.server else []
        return "\n".join([*lines, self._line(self._job.main)])

    def options(self) -> dict[str, str]:
        spec = self._spec
        given = {**spec.options, "runtime": f"{spec.runtime_seconds:g}s", "ramp": f"{spec.ramp_seconds:g}s"}
        if spec.test_file is not None:
            given["size"] = str(spec.test_file.size_bytes)
            given["engine"] = spec.tools.fio_engines[0] if spec.tools.fio_engines else ""
        return given

    def _attempt(self, place: Workspace, given: RunSpec) -> tuple[Sample, ...]:
        self._spec = spec = self._completed_spec(place, given)
        self._job = job = self._benchmark.prepare(spec, self._facts)
        self.notes += job.notes
        for command in job.before:
            self._prefill(command, place)
        raw = self._run_main(job, place)
        self.raw = raw.output or raw.completed.stderr.decode("utf-8", "replace")
        self.notes += raw.completed.notes
        return self._benchmark.parse(raw, spec)

    def _completed_spec(self, place: Workspace, given: RunSpec) -> RunSpec:
        """What only the runner knows: the workspace, a free port, whether the filesystem takes O_DIRECT."""
        spec = replace(given, workspace=place.path)
        if self._benchmark.kind == "network":
            return replace(spec, port=spec.port or random.SystemRandom().choice(_PORTS))
        file = spec.test_file
        if file is None:
            raise BenchmarkError(f"{self._benchmark.name}: no test file to measure on")
        state = inspect_test_file(file.path, fd=file.fd)
        if state.size_bytes < file.size_bytes:
            raise BenchmarkError(f"test file {file.path}: got {state.size_bytes} bytes, wanted {file.size_bytes}")
        if state.direct or spec.options.get("direct") == "no":
            return spec
        self.notes.append("the filesystem refuses O_DIRECT: this measured the page cache too, not the drive alone")
        return replace(spec, options={**spec.options, "direct": "no"})

    def _prefill(self, command: Command, place: Workspace) -> None:
        completed = self._run(command, place, tell=lambda elapsed: self._tell(Phase.PREFILL, elapsed, 0.0, ""))
        self.raw = completed.stdout.decode("utf-8", "replace")
        check_ended_well(completed, tool="fio (prefill)", silent=True)
        assert self._spec.test_file is not None
        written, wanted = prefilled_bytes(self.raw), prefill_least_bytes(self._spec.test_file.size_bytes)
        if written < wanted:
            raise BenchmarkError(f"fio (prefill): got {written} bytes written, wanted {wanted}")

    def _run_main(self, job: Job, place: Workspace) -> RawOutput:
        printed = bytearray()
        with ExitStack() as stack:
            server = self._start_server(job, place, stack)

            def tell(elapsed: float) -> None:
                text = bytes(server.stdout[-_TAIL_BYTES:] if server else printed).decode("utf-8", "replace")
                phase = Phase.RAMP if elapsed < job.ramp_seconds else Phase.MEASURE
                self._tell(phase, elapsed, job.ramp_seconds + job.runtime_seconds, text)

            completed = self._run(job.main, place, tell=tell, tail=printed)
            if server is not None and completed.ok:
                server.wait(timeout_seconds=_SERVER_END_SECONDS)
        return _collect(job, place, completed)

    def _start_server(self, job: Job, place: Workspace, stack: ExitStack) -> Running | None:
        if job.server is None:
            return None
        server = stack.enter_context(start(_marked(job.server, place)))
        try:
            server.wait_ready(job.server_ready, timeout_seconds=_SERVER_READY_SECONDS)
        except HostError as error:
            if _PORT_TAKEN in server.stderr:
                raise _PortTakenError(f"iperf3: port {self._spec.port} is taken") from error
            raise
        return server

    def _run(
        self,
        command: Command,
        place: Workspace,
        *,
        tell: Callable[[float], None],
        tail: bytearray | None = None,
    ) -> Completed:
        guard = _Guard(place, self._cancel)

        def keep(data: bytes) -> None:
            if tail is not None:
                tail.extend(data[-_TAIL_BYTES:])
                del tail[:-_TAIL_BYTES]

        completed = run(_marked(command, place), cancel=guard, on_output=keep, on_tick=_every(_PROGRESS_SECONDS, tell))
        guard.check(command)
        return completed

    def _tell(self, phase: Phase, elapsed: float, total: float, printed: str) -> None:
        if self._on_progress is None:
            return
        value, unit = self._current(printed)
        self._on_progress(
            Progress(
                phase=phase, elapsed_seconds=elapsed, total_seconds=total, value=value, unit=unit if value else None
            )
        )

    def _current(self, printed: str) -> tuple[float | None, Unit]:
        if self._benchmark.tool == "iperf3":
            return current_bytes_per_second(printed), Unit.BYTES_PER_SECOND
        rates = current_rates(printed)
        if self._benchmark.metrics[0].unit is Unit.BYTES_PER_SECOND:
            return rates.bytes_per_second if rates else None, Unit.BYTES_PER_SECOND
        return rates.iops if rates else None, Unit.IOPS

    def _line(self, command: Command) -> str:
        line = shlex.join(command.argv)
        file = self._spec.test_file
        if file is not None and file.fd is not None:
            line = line.replace(f"--filename={file.target} ", shlex.quote(f"--filename={file.path}") + " ")
        return f"ip netns exec {command.network_namespace} {line}" if command.network_namespace else line


class _Guard:
    """Stops a tool that floods the disk with output, besides what the caller wants to stop."""

    def __init__(self, place: Workspace, cancel: Cancel | None) -> None:
        self._place = place
        self._cancel = cancel
        self._flooded = False

    def is_set(self) -> bool:
        self._flooded = self._flooded or self._place.size_bytes() > WORKSPACE_LIMIT_BYTES
        return self._flooded or (self._cancel is not None and self._cancel.is_set())

    def check(self, command: Command) -> None:
        """BenchmarkError when the flood was what stopped it."""
        if self._flooded:
            raise BenchmarkError(f"{command.argv[0]}: wrote more than {WORKSPACE_LIMIT_BYTES} bytes about one run")


def _marked(command: Command, place: Workspace) -> Command:
    return replace(command, environment=(*command.environment, *place.environment))


def _every(seconds: float, tell: Callable[[float], None]) -> Callable[[float], None]:
    due = 0.0

    def tick(elapsed: float) -> None:
        nonlocal due
        if elapsed >= due:
            due = elapsed + seconds
            tell(elapsed)

    return tick


def _collect(job: Job, place: Workspace, completed: Completed) -> RawOutput:
    if job.output_file is None:
        output = completed.stdout.decode("utf-8", "replace")
    else:
        output = place.read(job.output_file, limit_bytes=TEXT_LIMIT) or ""
    logs = {path.name: place.read(path, limit_bytes=TEXT_LIMIT) for path in job.log_files}
    return RawOutput(
        completed=completed, output=output, logs={name: text for name, text in logs.items() if text is not None}
    )
