"""`bench history`: suites, the runs of one benchmark, a tool's raw output, and everything as JSON Lines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.bench.quantity import quantity
from nodeagent.bench.suite import find
from nodeagent.cli.bench_view import moment
from nodeagent.cli.output import Terminal, Tone, plain, print_json, table
from nodeagent.history import History, RunFilter, StoredRun, Suite
from nodeagent.history.store import FILE_NAME
from nodeagent.host.state_directory import state_directory
from nodeagent.model.errors import ExitCode, UsageError
from nodeagent.model.judgement import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The arguments of `bench history`, as typed."""

    benchmark: str | None = None
    suite: str | None = None
    role: str | None = None
    limit: int = 20
    raw: bool = False
    export: bool = False
    state_dir: Path | None = None


def show(question: Question, terminal: Terminal, *, as_json: bool, out: TextIO) -> ExitCode:
    if question.benchmark is not None:
        find(question.benchmark, BENCHMARKS)
    with open_history(question.state_dir) as history:
        if question.export:
            for row in history.export():
                out.write(json.dumps(plain(row)) + "\n")
        elif question.raw:
            _show_raw(history, question, out)
        elif question.benchmark or question.suite or question.role:
            _show_runs(history, question, terminal, as_json=as_json, out=out)
        else:
            _show_suites(history, question, terminal, as_json=as_json, out=out)
    return ExitCode.OK


def open_history(state_dir: Path | None) -> History:
    """The history of this user, to read."""
    return History.open(state_directory(state_dir) / FILE_NAME, read_only=True)


def suite_named(history: History, name: str) -> Suite | None:
    """The suite of a name or of its first letters; UsageError where they fit several."""
    fitting = [suite for suite in history.suites() if suite.id.startswith(name)]
    if len(fitting) > 1:
        raise UsageError(f"several suites begin with {name!r}: {', '.join(suite.id for suite in fitting)}")
    return fitting[0] if fitting else None


def _chosen(history: History, question: Question, *, limit: int) -> RunFilter:
    suite = None
    if question.suite is not None:
        found = suite_named(history, question.suite)
        if found is None:
            raise UsageError(f"there is no suite {question.suite!r}", remedy="nodeagent bench history")
        suite = found.id
    return RunFilter(suite=suite, benchmark=question.benchmark, role=question.role, limit=limit)


def _show_raw(history: History, question: Question, out: TextIO) -> None:
    runs = history.runs(_chosen(history, question, limit=1), with_raw=True)
    if not runs:
        raise UsageError("no run matches", remedy="nodeagent bench history")
    out.write(runs[0].run.raw.rstrip("\n") + "\n")


def _show_runs(history: History, question: Question, terminal: Terminal, *, as_json: bool, out: TextIO) -> None:
    runs = history.runs(_chosen(history, question, limit=question.limit))
    if as_json:
        print_json({"runs": runs}, kind="bench.runs", stream=out)
        return
    rows = [row for stored in runs for row in _run_rows(stored, terminal)]
    out.write((table(rows, header=("RUN", "SUITE", "WHEN", "AT", "FIGURE")) or "No run matches.") + "\n")


def _run_rows(stored: StoredRun, terminal: Terminal) -> list[tuple[str, ...]]:
    run = stored.run
    head = (str(stored.id), stored.suite, moment(run.started_at), run.place.role)
    if run.aborted:
        return [(*head, terminal.style(f"{run.benchmark} aborted: {run.aborted}", Tone.WARN))]
    metrics = {metric.name: metric for benchmark in BENCHMARKS for metric in benchmark.metrics}
    return [
        (*head, f"{sample.metric} {quantity(sample.value, metrics[sample.metric])}")
        for sample in run.samples
        if sample.metric in metrics and metrics[sample.metric].gate
    ]


def _show_suites(history: History, question: Question, terminal: Terminal, *, as_json: bool, out: TextIO) -> None:
    suites = history.suites(limit=question.limit)
    if as_json:
        told = [{"suite": suite, "judgements": history.judgements(suite.id)} for suite in suites]
        print_json({"suites": told}, kind="bench.suites", stream=out)
        return
    rows = [_suite_row(history, suite, terminal) for suite in suites]
    out.write((table(rows, header=("SUITE", "WHEN", "STAGE", "PROFILE", "OUTCOMES")) or "No suite yet.") + "\n")


def _suite_row(history: History, suite: Suite, terminal: Terminal) -> tuple[str, ...]:
    gates = [stored.judgement.outcome for stored in history.judgements(suite.id) if stored.judgement.metric.gate]
    return suite.id, moment(suite.started_at), suite.stage or "-", suite.profile or "-", _counts(gates, terminal)


def _counts(outcomes: Sequence[Outcome], terminal: Terminal) -> str:
    tones = {Outcome.PASS: Tone.GOOD, Outcome.FAIL: Tone.BAD}
    counted = [(outcome, outcomes.count(outcome)) for outcome in Outcome]
    words = [
        terminal.style(f"{count} {outcome.value}", tones.get(outcome, Tone.WARN)) for outcome, count in counted if count
    ]
    return ", ".join(words) or "nothing judged"
