"""Measuring a suite: run after run until every target is decided or the cap is reached, each run kept at once.

The engine owns the order and the end; it knows neither fio nor iperf3 (runner.py starts them) nor statistics (judge.py
decides). A test file is made once a place, filled by the first benchmark that needs it full, and removed at the end,
also when the end is Ctrl-C. What can't be measured is a result with its reason; only what can't be *meant* raises.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nodeagent.bench.benchmark import TestFile
from nodeagent.bench.effort import Effort
from nodeagent.bench.events import (
    BenchmarkFinished,
    BenchmarkStarted,
    Event,
    RunFinished,
    RunProgress,
    SuiteFinished,
    SuiteStarted,
)
from nodeagent.bench.ground import Ground, prepared
from nodeagent.bench.judge import Circumstances, judge
from nodeagent.bench.laboratory import Laboratory, ceiling
from nodeagent.bench.runner import Progress
from nodeagent.bench.series import Series
from nodeagent.bench.suite import Batch, Item, batches, estimate, find_target
from nodeagent.bench.support import Lack, lack
from nodeagent.host.process import Cancel
from nodeagent.model.errors import BenchmarkError, NodeagentError
from nodeagent.model.judgement import Judgement
from nodeagent.model.measurement import Run, Target


def measure(
    items: Sequence[Item],
    *,
    targets: Sequence[Target],
    effort: Effort,
    laboratory: Laboratory,
    on_event: Callable[[Event], None] = lambda _event: None,
    cancel: Cancel | None = None,
) -> tuple[Judgement, ...]:
    """Measure every item and judge every metric of it, place by place.

    After `cancel` the words on what was finished by then. KeyboardInterrupt passes through once the test files are
    removed; what was measured till then is in the history. UsageError for options that can't be meant, before anything
    starts.
    """
    _check_options(items, laboratory)
    session = _Session(laboratory=laboratory, targets=targets, effort=effort, on_event=on_event, cancel=cancel)
    laboratory.recorder.begin()
    began = laboratory.clock()
    on_event(_started(items, session))
    interrupted = True
    try:
        for batch in batches(items):
            session.measure_batch(batch)
        interrupted = session.stopped()
    finally:
        elapsed = laboratory.clock() - began
        on_event(SuiteFinished(suite=laboratory.recorder.suite.id, elapsed_seconds=elapsed, interrupted=interrupted))
    return tuple(session.judgements)


@dataclass(slots=True, kw_only=True)
class _Session:
    """One call of `measure`."""

    laboratory: Laboratory
    targets: Sequence[Target]
    effort: Effort
    on_event: Callable[[Event], None]
    cancel: Cancel | None
    judgements: list[Judgement] = field(default_factory=list)

    def stopped(self) -> bool:
        return self.cancel is not None and self.cancel.is_set()

    def measure_batch(self, batch: Batch) -> None:
        if self.stopped():
            return
        with prepared(batch, self.laboratory, self.on_event) as ground:
            for item in batch.items:
                series = Series(benchmark=item.benchmark, place=item.site.place)
                missing = ground.lack or lack(item.benchmark, self.laboratory.tools)
                if not missing:
                    self._make_runs(item, ground, series)
                if self.stopped():
                    return
                self._judge(item, series, missing)

    def _make_runs(self, item: Item, ground: Ground, series: Series) -> None:
        self.on_event(
            BenchmarkStarted(
                benchmark=item.benchmark.name,
                place=item.site.place,
                minimum_runs=self.effort.minimum_runs,
                cap_runs=self.effort.cap_runs,
                run_seconds=item.run_seconds,
            )
        )
        while not self.stopped() and not self._is_decided(item, series):
            run = self._one_run(item, ground, len(series.runs) + 1)
            number = self.laboratory.recorder.run(run, self.laboratory.fingerprint(item))
            series.add(run, number)
            self.on_event(RunFinished(run=len(series.runs), number=number, result=run))

    def _is_decided(self, item: Item, series: Series) -> bool:
        wanted = [
            (metric, target)
            for metric in item.benchmark.metrics
            if (target := find_target(self.targets, metric, item.site.place.role)) is not None
        ]
        effort = self.effort
        return series.is_decided(wanted, rule=effort.rule, minimum=effort.minimum_runs, cap=effort.cap_runs)

    def _one_run(self, item: Item, ground: Ground, number: int) -> Run:
        def tell(progress: Progress) -> None:
            self.on_event(_progress(item, number, progress))

        began = self.laboratory.wall_clock()
        try:
            test_file = ground.test_file(item)
            run = self.laboratory.run_once(
                item.benchmark,
                self.laboratory.spec(item, test_file),
                self.laboratory.facts,
                cancel=self.cancel,
                on_progress=tell,
            )
        except NodeagentError as error:
            return _failed(item, began, self.laboratory.wall_clock(), error)
        if not run.aborted:
            ground.note_filled(test_file)
        return run

    def _judge(self, item: Item, series: Series, missing: Lack) -> None:
        now = self.laboratory.wall_clock()
        fingerprint = self.laboratory.fingerprint(item).digest
        words = []
        for metric in item.benchmark.metrics:
            known = Circumstances(
                stage=self.laboratory.stage,
                aborted=series.aborted(metric),
                notes=series.notes,
                missing=missing.reason,
                remedy=missing.remedy,
                again=self.laboratory.again(item),
                cap=self.effort.cap_runs,
                ceiling=ceiling(metric, item, self.laboratory.facts),
                fingerprint=fingerprint,
                measured_at=now,
            )
            target = find_target(self.targets, metric, item.site.place.role)
            word = judge(series.measurement(metric), target, rule=self.effort.rule, circumstances=known)
            self.laboratory.recorder.judgement(word, judged_at=now, run_ids=series.numbers)
            words.append(word)
        self.judgements += words
        self.on_event(BenchmarkFinished(benchmark=item.benchmark.name, place=item.site.place, judgements=tuple(words)))


def _started(items: Sequence[Item], session: _Session) -> SuiteStarted:
    expected = estimate(items, session.effort)
    return SuiteStarted(
        suite=session.laboratory.recorder.suite.id,
        benchmarks=len(items),
        at_least_seconds=expected.at_least_seconds,
        at_most_seconds=expected.at_most_seconds,
    )


def _progress(item: Item, number: int, progress: Progress) -> RunProgress:
    return RunProgress(
        benchmark=item.benchmark.name,
        place=item.site.place,
        run=number,
        phase=progress.phase,
        elapsed_seconds=progress.elapsed_seconds,
        total_seconds=progress.total_seconds,
        value=progress.value,
        unit=progress.unit,
    )


def _failed(item: Item, began: float, ended: float, error: NodeagentError) -> Run:
    """A run that could not even be started is a run without samples, like any other that failed."""
    return Run(
        benchmark=item.benchmark.name,
        place=item.site.place,
        started_at=began,
        duration_seconds=max(0.0, ended - began),
        command="",
        tool=item.benchmark.tool,
        tool_version="",
        options=dict(item.options),
        aborted=error.message,
    )


def _check_options(items: Sequence[Item], laboratory: Laboratory) -> None:
    """Have every command line made once, so that an option that can't be meant ends the suite before it begins."""
    for item in items:
        storage = item.site.kind == "storage"
        stand_in = TestFile(path=Path("/nowhere"), size_bytes=item.size_bytes, prefill=True) if storage else None
        try:
            item.benchmark.prepare(laboratory.spec(item, stand_in), laboratory.facts)
        except BenchmarkError:
            # A missing or old tool: measuring it will say so.
            continue
