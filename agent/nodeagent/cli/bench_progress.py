"""Telling a suite while it runs: a live line for a person at a terminal, a line a benchmark for a pipe, JSON Lines.

Results go to stdout, progress to stderr. The live line needs rich, which is imported only for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from shutil import get_terminal_size
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.bench.events import (
    BenchmarkFinished,
    BenchmarkStarted,
    Event,
    RunFinished,
    RunProgress,
    SuiteFinished,
    SuiteStarted,
    Trouble,
)
from nodeagent.bench.quantity import quantity
from nodeagent.cli.bench_view import judgement_lines, summary_line
from nodeagent.cli.output import Terminal, Tone, print_json_line
from nodeagent.model.judgement import Judgement, Outcome
from nodeagent.model.measurement import Direction, Metric
from nodeagent.model.units import format_duration

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Reporter(Protocol):
    """Takes events; a context manager, so that a live line is gone whatever ends the suite."""

    def __call__(self, event: Event) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(slots=True, kw_only=True)
class JsonReporter:
    """One JSON object an event; a tool's raw output stays in the history."""

    out: TextIO

    def __call__(self, event: Event) -> None:
        kind, document = _document(event)
        print_json_line(document, kind=kind, stream=self.out)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


@dataclass(slots=True, kw_only=True)
class TextReporter:
    """`out` gets the results as they come, `progress` what is going on meanwhile."""

    out: TextIO
    progress: TextIO
    terminal: Terminal
    live: bool
    every: bool = False
    judgements: list[Judgement] = field(default_factory=list)
    _line: "_LiveLine | None" = None
    _role: str = ""
    _notes: dict[str, None] = field(default_factory=dict)

    def __enter__(self) -> Self:
        if self.live:
            self._line = _LiveLine(stream=self.progress, color=self.terminal.color)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._quiet()

    def __call__(self, event: Event) -> None:
        match event:
            case SuiteStarted():
                self._say(_plan(event))
            case BenchmarkStarted():
                self._begin(event)
            case RunProgress() if self._line:
                self._line.update(event)
            case RunFinished():
                self._note(event)
            case BenchmarkFinished():
                self._results(event)
            case Trouble():
                self._say(f"nodeagent: {event.message}" + (f"\nnext: {event.remedy}" if event.remedy else ""))
            case SuiteFinished():
                self._finish(event)
            case _:
                pass

    def _begin(self, event: BenchmarkStarted) -> None:
        self._notes = {}
        if self._line:
            self._line.begin(event)
        else:
            self._say(f"{event.benchmark} at {event.place.role}: {_runs(event)} of {event.run_seconds:.1f} s")

    def _note(self, event: RunFinished) -> None:
        run = event.result
        self._notes |= dict.fromkeys(run.notes)
        if run.aborted:
            self._say(f"{run.benchmark}: run {event.run} was aborted: {run.aborted}")
        elif self._line:
            self._line.remember(event)

    def _results(self, event: BenchmarkFinished) -> None:
        self._quiet()
        self.judgements += event.judgements
        if event.place.role != self._role:
            self._role = event.place.role
            heading = self.terminal.style(event.place.role, Tone.STRONG)
            self.out.write(f"{heading}  {event.place.detail}".rstrip() + "\n")
        width = get_terminal_size().columns if self.terminal.interactive else None
        lines = judgement_lines(event.judgements, self.terminal, every=self.every, width=width)
        if lines:
            self.out.write(lines + "\n")
        # Where a reason is shown, the notes stand in it.
        if all(word.outcome in {Outcome.PASS, Outcome.NO_TARGET} for word in event.judgements):
            self.out.writelines(f"      note: {note}\n" for note in self._notes)
        self.out.flush()

    def _finish(self, event: SuiteFinished) -> None:
        self._quiet()
        line = summary_line(self.judgements, suite=event.suite, elapsed_seconds=event.elapsed_seconds)
        self.out.write(line + (" Interrupted before the end.\n" if event.interrupted else "\n"))
        self.out.flush()

    def _say(self, text: str) -> None:
        self._quiet()
        self.progress.write(text + "\n")
        self.progress.flush()

    def _quiet(self) -> None:
        if self._line:
            self._line.end()


@dataclass(slots=True, kw_only=True)
class _LiveLine:
    """One line that shows the run under way, and leaves no trace."""

    stream: TextIO
    color: bool
    _progress: "Progress | None" = None
    _task: "TaskID | None" = None
    _begun: BenchmarkStarted | None = None
    _last: str = ""

    def begin(self, event: BenchmarkStarted) -> None:
        self._begun = event
        self._last = ""

    def remember(self, event: RunFinished) -> None:
        """A run of a second is over before the tool says how fast it is: then the last run's figure is the news."""
        metrics = [metric for benchmark in BENCHMARKS for metric in benchmark.metrics if metric.gate]
        figures = {sample.metric: sample.value for sample in event.result.samples}
        told = [quantity(figures[metric.name], metric) for metric in metrics if metric.name in figures]
        self._last = f"last {told[0]}" if told else ""

    def update(self, event: RunProgress) -> None:
        progress, task = self._shown()
        total = event.total_seconds or None
        progress.update(
            task,
            description=f"{event.benchmark} at {event.place.role}",
            completed=event.elapsed_seconds,
            total=total,
            detail=f"run {event.run}{self._of()}, {_current(event) or self._last or event.phase}",
        )

    def end(self) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = self._task = None

    def _of(self) -> str:
        if self._begun is None:
            return ""
        least, most = self._begun.minimum_runs, self._begun.cap_runs
        return f" of {least}" if least == most else f" of {least}-{most}"

    def _shown(self) -> "tuple[Progress, TaskID]":
        if self._progress is None or self._task is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=12),
                TextColumn("{task.fields[detail]}", markup=False),
                console=Console(file=self.stream, no_color=not self.color, highlight=False),
                transient=True,
                refresh_per_second=4,
            )
            self._task = self._progress.add_task("", detail="")
            self._progress.start()
        return self._progress, self._task


def _plan(event: SuiteStarted) -> str:
    least, most = format_duration(event.at_least_seconds), format_duration(event.at_most_seconds)
    span = least if least == most else f"{least} to {most}"
    noun = "benchmark" if event.benchmarks == 1 else "benchmarks"
    return f"{event.benchmarks} {noun} to run, about {span}."


def _runs(event: BenchmarkStarted) -> str:
    least, most = event.minimum_runs, event.cap_runs
    return f"{least} runs" if least == most else f"{least} to {most} runs"


def _current(event: RunProgress) -> str:
    """The tool's figure of the last second, "" while it has none."""
    if event.value is None or event.unit is None:
        return ""
    network = any(benchmark.name == event.benchmark and benchmark.kind == "network" for benchmark in BENCHMARKS)
    name = "net.now" if network else "storage.now"
    return quantity(event.value, Metric(name=name, unit=event.unit, direction=Direction.HIGHER, summary=""))


def _document(event: Event) -> tuple[str, Mapping[str, object] | Event]:
    """The kind of an event (`bench.run-finished`) and what is told of it."""
    match event:
        case SuiteStarted():
            return "bench.suite-started", event
        case BenchmarkStarted():
            return "bench.benchmark-started", event
        case RunProgress():
            return "bench.run-progress", event
        case RunFinished():
            run = event.result
            kept = {field.name: getattr(run, field.name) for field in fields(run) if field.name != "raw"}
            return "bench.run-finished", {"run": event.run, "number": event.number, **kept}
        case BenchmarkFinished():
            return "bench.benchmark-finished", event
        case Trouble():
            return "bench.trouble", event
        case SuiteFinished():
            return "bench.suite-finished", event
