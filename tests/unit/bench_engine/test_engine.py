"""The engine: how many runs, what becomes of failures, what is kept, and in which order it is told."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from nodeagent.bench.benchmark import ToolVersions
from nodeagent.bench.effort import Effort
from nodeagent.bench.engine import measure
from nodeagent.bench.events import Event, SuiteFinished, SuiteStarted, Trouble
from nodeagent.bench.runner import run_once
from nodeagent.history import History
from nodeagent.model.errors import BenchmarkError, HostError, UsageError
from nodeagent.model.judgement import Outcome
from tests.unit.bench_engine.stand_ins import (
    EFFORT,
    LOSS,
    RATE,
    FakeBenchmark,
    item,
    kinds,
    laboratory,
    rate_target,
    runner,
    site,
)

ONLY_RATE = FakeBenchmark(metrics=(RATE,))


def test_measuring_ends_after_five_runs_once_the_target_is_met(tmp_path: Path) -> None:
    runs = runner(*[10.0 + i for i in range(9)])
    words = measure([item(ONLY_RATE)], targets=[rate_target(5.0)], effort=EFFORT, laboratory=laboratory(tmp_path, runs))
    assert [word.outcome for word in words] == [Outcome.PASS]
    assert len(runs.specs) == 5


def test_measuring_goes_on_to_the_cap_while_a_run_could_decide(tmp_path: Path) -> None:
    runs = runner(4.0, *[10.0 + i for i in range(8)])
    (word,) = measure(
        [item(ONLY_RATE)], targets=[rate_target(5.0)], effort=EFFORT, laboratory=laboratory(tmp_path, runs)
    )
    assert word.outcome is Outcome.PASS
    assert word.decided_at_run == len(runs.specs) == 9


def test_measuring_ends_early_when_no_run_can_decide_any_more(tmp_path: Path) -> None:
    runs = runner(4.0, 4.1, 10.0, 10.1, 10.2)
    (word,) = measure(
        [item(ONLY_RATE)], targets=[rate_target(5.0)], effort=EFFORT, laboratory=laboratory(tmp_path, runs)
    )
    assert word.outcome is Outcome.INCONCLUSIVE
    assert len(runs.specs) == 5


def test_without_a_target_the_fewest_runs_are_made(tmp_path: Path) -> None:
    runs = runner(1.0, 2.0, 3.0)
    effort = Effort(minimum_runs=3, cap_runs=9)
    words = measure([item()], targets=[], effort=effort, laboratory=laboratory(tmp_path, runs))
    assert [word.outcome for word in words] == [Outcome.NO_TARGET] * 3
    assert words[0].measurement is not None
    assert words[0].measurement.values == (1.0, 2.0, 3.0)


def test_a_quick_suite_leaves_open_what_five_runs_do_not_decide(tmp_path: Path) -> None:
    runs = runner(4.0, 10.0, 10.1, 10.2, 10.3)
    effort = Effort(minimum_runs=5, cap_runs=5)
    (word,) = measure(
        [item(ONLY_RATE)], targets=[rate_target(5.0)], effort=effort, laboratory=laboratory(tmp_path, runs)
    )
    assert word.outcome is Outcome.INCONCLUSIVE
    assert word.remedy.endswith("--cap 9")


def test_a_missing_tool_is_a_word_with_its_remedy_and_nothing_is_started(tmp_path: Path) -> None:
    runs = runner()
    words = measure(
        [item()], targets=[], effort=EFFORT, laboratory=laboratory(tmp_path, runs, tools=ToolVersions(fio="fio-3.33"))
    )
    assert {word.outcome for word in words} == {Outcome.NOT_MEASURED}
    assert words[0].reason == "not measured: iperf3 was not found (sends)"
    assert words[0].remedy == "apt-get install iperf3"
    assert runs.specs == []


def test_a_place_that_cannot_be_used_does_not_keep_the_others_from_being_measured(tmp_path: Path) -> None:
    broken, fine = site("ledger", problem="not mounted", refused=True), site("peer")
    runs = runner(1.0, 2.0, 3.0, 4.0, 5.0)
    words = measure(
        [item(ONLY_RATE, broken), item(ONLY_RATE, fine)],
        targets=[],
        effort=EFFORT,
        laboratory=laboratory(tmp_path, runs),
    )
    assert [(word.place.role, word.outcome) for word in words] == [
        ("ledger", Outcome.NOT_MEASURED),
        ("peer", Outcome.NO_TARGET),
    ]
    assert (words[0].reason, words[0].remedy) == ("not measured: not mounted", "mount it")


def test_two_runs_without_anything_end_a_benchmark_with_their_reason(tmp_path: Path) -> None:
    runs = runner("iperf3: connection refused", "iperf3: connection refused")
    words = measure([item()], targets=[], effort=EFFORT, laboratory=laboratory(tmp_path, runs))
    assert words[0].outcome is Outcome.NOT_MEASURED
    assert words[0].reason == "not measured: all 2 runs were aborted: iperf3: connection refused"


def test_an_aborted_run_among_good_ones_costs_runs_not_the_suite(tmp_path: Path) -> None:
    runs = runner(10.0, "iperf3: reset", *[11.0 + i for i in range(7)])
    (word,) = measure(
        [item(ONLY_RATE)], targets=[rate_target(5.0)], effort=EFFORT, laboratory=laboratory(tmp_path, runs)
    )
    assert word.outcome is Outcome.PASS
    assert "1 aborted (iperf3: reset)" in word.reason
    assert len(runs.specs) == 9


@pytest.mark.parametrize("error", [BenchmarkError("no engine"), HostError("no space for a workspace")])
def test_an_error_of_the_runner_is_an_aborted_run(tmp_path: Path, error: Exception) -> None:
    words = measure([item()], targets=[], effort=EFFORT, laboratory=laboratory(tmp_path, runner(error, error)))
    assert words[0].outcome is Outcome.NOT_MEASURED
    assert str(error) in words[0].reason


def test_a_run_that_lacks_one_figure_counts_as_aborted_for_that_metric_alone(tmp_path: Path) -> None:
    both = FakeBenchmark(metrics=(RATE, replace(LOSS, name="net.fake.unknown")))
    words = measure(
        [item(both)],
        targets=[rate_target(5.0)],
        effort=EFFORT,
        laboratory=laboratory(tmp_path, runner(*[10.0 + i for i in range(5)])),
    )
    assert [word.outcome for word in words] == [Outcome.PASS, Outcome.NOT_MEASURED]
    assert "gave no figure for net.fake.unknown" in words[1].reason


def test_every_run_and_every_word_is_kept_with_its_evidence(tmp_path: Path) -> None:
    with History.open(tmp_path / "history.db") as history:
        (word, *_) = measure(
            [item(streams="4")],
            targets=[rate_target(5.0)],
            effort=EFFORT,
            laboratory=laboratory(tmp_path, runner(*[10.0 + i for i in range(5)]), history=history),
        )
        stored = history.runs(with_raw=True)
        kept = history.judgements("s1")
        parts = history.fingerprint(word.fingerprint)
    assert [run.run.samples[0].value for run in stored] == [10.0, 11.0, 12.0, 13.0, 14.0]
    assert all(run.run.raw == "{}" and run.fingerprint == word.fingerprint for run in stored)
    assert kept[0].judgement == word
    assert kept[0].run_ids == (1, 2, 3, 4, 5)
    assert word.measurement is not None
    assert word.measurement.evidence == ("run 1", "run 2", "run 3", "run 4", "run 5")
    assert (parts["option.benchmark"], parts["option.streams"], parts["kernel.release"]) == ("fake", "4", "6.1")


def test_a_run_is_in_the_history_before_the_next_one_starts(tmp_path: Path) -> None:
    seen: list[int] = []
    with History.open(tmp_path / "history.db") as history:
        runs = runner(1.0, 2.0, 3.0, 4.0, 5.0, after=lambda: seen.append(len(history.runs())))
        measure([item()], targets=[], effort=EFFORT, laboratory=laboratory(tmp_path, runs, history=history))
    assert seen == [0, 1, 2, 3, 4]


def test_a_history_that_fails_is_told_once_and_the_measurement_all_the_same(tmp_path: Path) -> None:
    troubles: list[Trouble] = []
    with History.open(tmp_path / "history.db") as history:
        history._connection.execute("PRAGMA query_only = ON")
        runs = runner(*[10.0 + i for i in range(5)])
        setup = laboratory(tmp_path, runs, history=history, troubles=troubles)
        words = measure([item()], targets=[rate_target(5.0)], effort=EFFORT, laboratory=setup)
    assert words[0].outcome is Outcome.PASS
    assert words[0].measurement is not None
    assert words[0].measurement.evidence == ()
    (trouble,) = troubles
    assert "readonly" in trouble.message
    assert trouble.remedy


def test_events_tell_the_plan_first_each_run_as_it_ends_and_the_end_last(tmp_path: Path) -> None:
    events: list[Event] = []
    measure(
        [item()],
        targets=[],
        effort=Effort(minimum_runs=2, cap_runs=2),
        laboratory=laboratory(tmp_path, runner(1.0, 2.0)),
        on_event=events.append,
    )
    assert kinds(events) == [
        "SuiteStarted",
        "BenchmarkStarted",
        "RunProgress",
        "RunFinished",
        "RunProgress",
        "RunFinished",
        "BenchmarkFinished",
        "SuiteFinished",
    ]
    started = events[0]
    assert isinstance(started, SuiteStarted)
    assert started.at_least_seconds == started.at_most_seconds == pytest.approx(3.2)


def test_a_cancel_ends_after_the_run_and_judges_only_what_was_finished(tmp_path: Path) -> None:
    cancel = threading.Event()
    events: list[Event] = []
    first, second = item(at=site("a")), item(at=site("b"))
    script = runner(1.0, 2.0, 3.0, after=lambda: cancel.set() if len(script.specs) == 3 else None)
    words = measure(
        [first, second],
        targets=[],
        effort=Effort(minimum_runs=2, cap_runs=2),
        laboratory=laboratory(tmp_path, script),
        on_event=events.append,
        cancel=cancel,
    )
    assert {word.place.role for word in words} == {"a"}
    assert isinstance(events[-1], SuiteFinished)
    assert events[-1].interrupted


def test_ctrl_c_passes_through_and_the_end_is_told(tmp_path: Path) -> None:
    events: list[Event] = []
    with History.open(tmp_path / "history.db") as history:
        with pytest.raises(KeyboardInterrupt):
            measure(
                [item()],
                targets=[],
                effort=EFFORT,
                laboratory=laboratory(tmp_path, runner(1.0, KeyboardInterrupt()), history=history),
                on_event=events.append,
            )
        assert len(history.runs()) == 1
    assert isinstance(events[-1], SuiteFinished)
    assert events[-1].interrupted


def test_an_option_that_cannot_be_meant_ends_the_suite_before_anything_is_measured(tmp_path: Path) -> None:
    events: list[Event] = []
    runs = runner(1.0)
    with pytest.raises(UsageError, match="no option 'colour'"):
        measure(
            [item(), item(colour="green")],
            targets=[],
            effort=EFFORT,
            laboratory=laboratory(tmp_path, runs),
            on_event=events.append,
        )
    assert (runs.specs, events) == ([], [])


def test_production_fails_what_it_could_not_measure(tmp_path: Path) -> None:
    runs = runner("iperf3: killed", "iperf3: killed")
    words = measure(
        [item(ONLY_RATE)], targets=[], effort=EFFORT, laboratory=laboratory(tmp_path, runs, stage="production")
    )
    assert [word.outcome for word in words] == [Outcome.FAIL]


def test_five_settled_runs_are_steady_and_a_decline_is_not(tmp_path: Path) -> None:
    flat = runner(100.0, 101.0, 99.0, 100.5, 99.5)
    (word,) = measure([item(ONLY_RATE)], targets=[], effort=EFFORT, laboratory=laboratory(tmp_path, flat))
    assert word.measurement is not None
    assert word.measurement.steady is True
    falling = runner(108.0, 104.0, 100.0, 96.0, 92.0)
    (word,) = measure([item(ONLY_RATE)], targets=[], effort=EFFORT, laboratory=laboratory(tmp_path, falling))
    assert word.measurement is not None
    assert word.measurement.steady is False


def test_the_stand_in_has_the_shape_of_the_real_runner(tmp_path: Path) -> None:
    real = laboratory(tmp_path, runner())
    assert replace(real, run_once=run_once).run_once is run_once
