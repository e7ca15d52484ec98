"""Two groups of runs: a change, its direction, its size, or an honest "nothing found"."""

import pytest

from nodeagent.bench.compare import Comparison, Finding, compare, smallest_p
from nodeagent.history import StoredRun
from nodeagent.model.measurement import Direction, Metric, Place, Run, Sample, Unit

IOPS = Metric(name="storage.x.iops", unit=Unit.IOPS, direction=Direction.HIGHER, summary="")
P99 = Metric(name="storage.x.p99", unit=Unit.SECONDS, direction=Direction.LOWER, summary="")


def runs(*values: float, metric: Metric = IOPS, role: str = "ledger", aborted: str = "") -> tuple[StoredRun, ...]:
    return tuple(
        StoredRun(
            id=number,
            suite="s",
            fingerprint="f",
            run=Run(
                benchmark="b",
                place=Place(role=role),
                started_at=1.0,
                duration_seconds=1.0,
                command="",
                tool="fio",
                tool_version="",
                samples=(Sample(metric=metric.name, value=value),),
                aborted=aborted,
            ),
        )
        for number, value in enumerate(values)
    )


def the_one(before: tuple[StoredRun, ...], after: tuple[StoredRun, ...]) -> Comparison:
    (comparison,) = compare(before, after, metrics=[IOPS, P99])
    return comparison


def test_a_clear_rise_of_a_rate_is_better_with_its_size() -> None:
    found = the_one(runs(100, 101, 102, 103, 104), runs(120, 121, 122, 123, 124))
    assert found.finding is Finding.BETTER
    assert found.shift == 20
    assert found.relative == pytest.approx(20 / 102)
    assert found.p_value == pytest.approx(2 / 252)


def test_a_clear_rise_of_a_time_is_worse() -> None:
    found = the_one(runs(1, 1.1, 1.2, 1.3, 1.4, metric=P99), runs(2, 2.1, 2.2, 2.3, 2.4, metric=P99))
    assert found.finding is Finding.WORSE


def test_groups_that_overlap_show_no_change_beside_what_could_have_been_missed() -> None:
    found = the_one(runs(100, 110, 120, 130, 140), runs(105, 115, 118, 128, 135))
    assert found.finding is Finding.NO_CHANGE
    assert found.relative_bounds is not None
    low, high = found.relative_bounds
    assert low < 0 < high


def test_a_difference_below_the_smallest_effect_is_no_change_however_sure() -> None:
    found = the_one(runs(100.0, 100.1, 100.2, 100.3, 100.4), runs(101.0, 101.1, 101.2, 101.3, 101.4))
    assert found.p_value < 0.05
    assert found.finding is Finding.NO_CHANGE
    (strict,) = compare(
        runs(100.0, 100.1, 100.2, 100.3, 100.4),
        runs(101.0, 101.1, 101.2, 101.3, 101.4),
        metrics=[IOPS],
        minimum_effect=0.005,
    )
    assert strict.finding is Finding.BETTER


def test_three_against_three_are_too_few_however_far_apart() -> None:
    assert the_one(runs(1, 2, 3), runs(100, 200, 300)).finding is Finding.TOO_FEW
    assert smallest_p(3, 3) == pytest.approx(0.1)
    assert smallest_p(5, 5) == pytest.approx(2 / 252)


def test_only_metrics_that_both_measured_at_the_same_role_are_compared() -> None:
    before = runs(1, 2) + runs(1, 2, role="accounts")
    after = runs(3, 4, role="accounts") + runs(1, 2, metric=P99)
    assert [(one.metric.name, one.role) for one in compare(before, after, metrics=[IOPS, P99])] == [
        ("storage.x.iops", "accounts")
    ]


def test_aborted_runs_and_values_that_are_no_numbers_are_left_out() -> None:
    found = the_one(runs(1, 2, float("nan")) + runs(9, aborted="killed"), runs(3, 4))
    assert found.before == (1, 2)


def test_a_median_of_zero_has_no_relative_shift() -> None:
    found = the_one(runs(0, 0, 0, 0, 0, metric=P99), runs(1, 2, 3, 4, 5, metric=P99))
    assert found.relative is None
    assert found.relative_bounds is None
    assert found.finding is Finding.WORSE
    assert the_one(runs(*[0] * 5, metric=P99), runs(*[0] * 5, metric=P99)).finding is Finding.NO_CHANGE
