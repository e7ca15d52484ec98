"""What people and programs see of a suite."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from nodeagent.bench.compare import compare
from nodeagent.bench.effort import Effort
from nodeagent.bench.engine import measure
from nodeagent.bench.fingerprint import Difference
from nodeagent.cli.bench_progress import JsonReporter, TextReporter
from nodeagent.cli.bench_run import Request, _effort, _pairs, exit_code, repeat_options
from nodeagent.cli.bench_view import (
    comparison_lines,
    difference_lines,
    judgement_lines,
    short_interval,
    summary_line,
)
from nodeagent.cli.output import Terminal
from nodeagent.model.errors import ExitCode, UsageError
from nodeagent.model.judgement import Interval, Judgement, Outcome
from nodeagent.model.measurement import Direction, Measurement, Metric, Place, Target, Unit
from tests.unit.bench_engine.stand_ins import INFO, RATE, FakeBenchmark, item, laboratory, rate_target, runner, site
from tests.unit.bench_engine.test_compare import IOPS, runs

READS = Metric(name="storage.randread4k.iops", unit=Unit.IOPS, direction=Direction.HIGHER, summary="")
PLAIN = Terminal()


def word(outcome: Outcome, *, metric: Metric = READS, ceiling: float | None = None, remedy: str = "") -> Judgement:
    place = Place(role="ledger")
    return Judgement(
        metric=metric,
        place=place,
        outcome=outcome,
        reason="because of the numbers",
        remedy=remedy,
        interval=Interval(low=405e3, median=412e3, high=420e3, confidence=0.9375),
        measurement=Measurement(metric=metric, benchmark="b", place=place, values=(405e3, 411e3, 412e3, 415e3, 420e3)),
        target=Target(
            metric=metric.name, role="ledger", stage="s", bound=300e3, unit=metric.unit, direction=metric.direction
        ),
        ceiling=ceiling,
    )


def test_a_met_target_is_one_line_with_value_interval_bound_and_runs() -> None:
    assert judgement_lines([word(Outcome.PASS)], PLAIN) == (
        "  ✓ storage.randread4k.iops  412 k IOPS [405, 420]  >= 300 k IOPS  5 runs"
    )


def test_a_missed_target_says_why_and_what_next() -> None:
    assert judgement_lines([word(Outcome.FAIL, remedy="look there")], PLAIN).splitlines() == [
        "  ✗ storage.randread4k.iops  412 k IOPS [405, 420]  >= 300 k IOPS  5 runs",
        "      because of the numbers",
        "      next: look there",
    ]


def test_a_known_ceiling_is_told_as_a_share_of_it() -> None:
    assert "11% of what the hardware can carry, 3.85 M IOPS" in judgement_lines(
        [word(Outcome.PASS, ceiling=3.846e6)], PLAIN
    )


def test_without_unicode_the_marks_are_words() -> None:
    lines = judgement_lines([word(Outcome.PASS), word(Outcome.FAIL)], Terminal(unicode=False))
    assert "ok storage" in lines
    assert "FAIL storage" in lines
    assert lines.isascii()


def test_what_was_not_measured_has_no_figure() -> None:
    missing = replace(word(Outcome.NOT_MEASURED), interval=None, measurement=None)
    assert judgement_lines([missing], PLAIN).startswith("  ! storage.randread4k.iops  not-measured  >= 300 k IOPS\n")


def test_figures_for_information_are_shown_only_when_asked_for() -> None:
    info = replace(word(Outcome.NO_TARGET, metric=replace(READS, gate=False)), target=None)
    assert judgement_lines([info], PLAIN) == ""
    assert judgement_lines([info], PLAIN, every=True).endswith("for information  5 runs")


def test_a_metric_without_a_target_says_so() -> None:
    assert "no target" in judgement_lines([replace(word(Outcome.NO_TARGET), target=None)], PLAIN)


def test_long_reasons_are_wrapped_to_the_terminal_and_never_to_a_pipe() -> None:
    long = replace(word(Outcome.FAIL), reason="many words " * 20)
    assert max(len(line) for line in judgement_lines([long], PLAIN, width=80).splitlines()) <= 80
    assert max(len(line) for line in judgement_lines([long], PLAIN).splitlines()) > 200


@pytest.mark.parametrize(
    ("low", "middle", "high", "unit", "text"),
    [
        (706e6, 828e6, 1.331e9, Unit.BYTES_PER_SECOND, "828 MB/s [706, 1331]"),
        (480e-9, 3.32e-6, 230e-6, Unit.SECONDS, "3.32 µs [0.48, 230]"),
        (0.0, 0.0, 0.0, Unit.RATIO, "0 %"),
        (0.0, 0.001, 0.02, Unit.RATIO, "0.1 % [0, 2]"),
        (59.0, 125.0, 130.0, Unit.SECONDS, "2 min 5 s [59 s, 2 min 10 s]"),
    ],
)
def test_an_interval_is_written_on_the_scale_of_its_middle(
    low: float, middle: float, high: float, unit: Unit, text: str
) -> None:
    metric = Metric(name="storage.x", unit=unit, direction=Direction.HIGHER, summary="")
    assert short_interval(Interval(low=low, median=middle, high=high, confidence=0.9), metric) == text


def test_a_network_interval_is_in_bits() -> None:
    interval = Interval(low=0.934e9, median=1.325e9, high=1.55e9, confidence=0.9)
    assert short_interval(interval, RATE) == "10.6 Gbit/s [7.47, 12.4]"


def test_the_summary_counts_what_gates_and_names_the_suite() -> None:
    words = [word(Outcome.PASS), word(Outcome.FAIL), word(Outcome.NO_TARGET, metric=replace(READS, gate=False))]
    assert summary_line(words, suite="a1", elapsed_seconds=80) == "Targets: 1 met, 1 missed (suite a1, 1 min 20 s)."
    assert summary_line([], suite="", elapsed_seconds=1) == "Targets: nothing measured (1 s)."


def test_the_text_of_a_suite_goes_to_two_streams(tmp_path: Path) -> None:
    out, progress = io.StringIO(), io.StringIO()
    with TextReporter(out=out, progress=progress, terminal=PLAIN, live=False) as reporter:
        measure(
            [item(FakeBenchmark(metrics=(RATE, INFO)))],
            targets=[rate_target(5.0)],
            effort=Effort(minimum_runs=5, cap_runs=5),
            laboratory=laboratory(tmp_path, runner(*[1e9 + i for i in range(5)])),
            on_event=reporter,
        )
    assert out.getvalue().splitlines() == [
        "peer",
        "  ✓ net.fake.bytes_per_second  8 Gbit/s [8, 8]  >= 40 bit/s  5 runs",
        "Targets: 1 met (suite s1, 0 s).",
    ]
    assert progress.getvalue().splitlines() == [
        "1 benchmark to run, about 8 s.",
        "fake at peer: 5 runs of 1.6 s",
    ]


def test_aborted_runs_and_troubles_are_told_as_they_happen(tmp_path: Path) -> None:
    out, progress = io.StringIO(), io.StringIO()
    with TextReporter(out=out, progress=progress, terminal=PLAIN, live=False) as reporter:
        measure(
            [item()],
            targets=[],
            effort=Effort(minimum_runs=2, cap_runs=2),
            laboratory=laboratory(tmp_path, runner("iperf3: reset", "iperf3: reset")),
            on_event=reporter,
        )
    assert progress.getvalue().count("fake: run") == 2
    assert "fake: run 1 was aborted: iperf3: reset" in progress.getvalue()
    assert "not-measured" in out.getvalue()


def test_every_event_is_one_line_of_json_and_raw_output_is_not_in_it(tmp_path: Path) -> None:
    out = io.StringIO()
    with JsonReporter(out=out) as reporter:
        measure(
            [item()],
            targets=[],
            effort=Effort(minimum_runs=1, cap_runs=1),
            laboratory=laboratory(tmp_path, runner(1.0)),
            on_event=reporter,
        )
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [event["kind"] for event in events] == [
        "bench.suite-started",
        "bench.benchmark-started",
        "bench.run-progress",
        "bench.run-finished",
        "bench.benchmark-finished",
        "bench.suite-finished",
    ]
    assert all(event["schema_version"] == 1 for event in events)
    assert events[3]["samples"][0] == {"metric": "net.fake.bytes_per_second", "value": 1.0, "series": []}
    assert "raw" not in events[3]


@pytest.mark.parametrize(
    ("outcomes", "refused", "troubled", "code"),
    [
        ([Outcome.PASS], False, False, ExitCode.OK),
        ([Outcome.NO_TARGET], False, False, ExitCode.OK),
        ([Outcome.PASS, Outcome.INCONCLUSIVE], False, False, ExitCode.INCONCLUSIVE),
        ([Outcome.INCONCLUSIVE, Outcome.FAIL], False, False, ExitCode.TARGET_MISSED),
        ([Outcome.NOT_MEASURED, Outcome.PASS], False, False, ExitCode.ERROR),
        ([Outcome.NOT_MEASURED, Outcome.PASS], True, False, ExitCode.REFUSED),
        ([Outcome.NOT_MEASURED, Outcome.FAIL], True, True, ExitCode.TARGET_MISSED),
        ([Outcome.PASS], False, True, ExitCode.ERROR),
    ],
)
def test_the_exit_code_is_the_worst_that_happened(
    outcomes: list[Outcome], refused: bool, troubled: bool, code: ExitCode
) -> None:
    words = [word(outcome) for outcome in outcomes]
    assert exit_code(words, [site(refused=refused)], troubled=troubled) is code


def test_figures_for_information_have_no_say_in_the_exit_code() -> None:
    info = word(Outcome.NOT_MEASURED, metric=replace(READS, gate=False))
    assert exit_code([word(Outcome.PASS), info], [site()], troubled=False) is ExitCode.OK


@pytest.mark.parametrize(
    ("request_", "runs_", "cap", "runtime"),
    [
        (Request(), 5, 9, None),
        (Request(quick=True), 5, 5, 1.0),
        (Request(runs=12), 12, 12, None),
        (Request(cap=3), 3, 3, None),
        (Request(quick=True, cap=9, runtime="2s"), 5, 9, 2.0),
        (Request(runs=6, cap=12, runtime="1m"), 6, 12, 60.0),
    ],
)
def test_runs_cap_and_runtime_come_from_the_options(
    request_: Request, runs_: int, cap: int, runtime: float | None
) -> None:
    effort = _effort(request_)
    assert (effort.minimum_runs, effort.cap_runs, effort.runtime_seconds) == (runs_, cap, runtime)


@pytest.mark.parametrize("request_", [Request(runs=7, cap=6), Request(runtime="soon"), Request(cap=1000)])
def test_runs_cap_and_runtime_out_of_bounds_are_usage_errors(request_: Request) -> None:
    with pytest.raises(UsageError):
        _effort(request_)


@pytest.mark.parametrize("texts", [["ledger"], ["=x"], ["ledger="], ["a=1", "a=2"]])
def test_pairs_of_another_form_are_usage_errors(texts: list[str]) -> None:
    with pytest.raises(UsageError, match="--directory"):
        _pairs(texts, what="--directory", wanted="ROLE=DIR")


def test_the_command_to_repeat_a_benchmark_has_all_that_gave_it_meaning() -> None:
    asked = Request(
        names=("udp",),
        profile="workstation",
        stage="local",
        directories=("ledger=/mnt/my ledger",),
        peers=("net=loopback",),
        options=("size=1GiB",),
        runtime="3s",
        runs=7,
        cap=8,
        quick=True,
    )
    assert repeat_options(asked) == (
        "--profile workstation --stage local --directory 'ledger=/mnt/my ledger' --peer net=loopback"
        " --option size=1GiB --runtime 3s --quick"
    )
    assert repeat_options(Request()) == ""


def test_a_value_may_hold_an_equals_sign() -> None:
    assert _pairs(["ledger=/mnt/a=b"], what="--directory", wanted="ROLE=DIR") == {"ledger": "/mnt/a=b"}


def test_a_comparison_is_told_with_the_word_first_and_then_the_numbers() -> None:
    found = compare(runs(100e3, 101e3, 102e3, 103e3, 104e3), runs(120e3, 121e3, 122e3, 123e3, 124e3), metrics=[IOPS])
    assert comparison_lines(found, PLAIN).splitlines() == [
        "storage.x.iops at ledger: better",
        "    102 k IOPS (5) → 122 k IOPS (5), +19.6% [+16.7%, +22.5%], p 0.008",
    ]


def test_what_else_differs_is_told_part_by_part() -> None:
    told = difference_lines([Difference(part="device.firmware", before="1.0", after="")])
    assert told == "  device.firmware: 1.0 -> absent"
