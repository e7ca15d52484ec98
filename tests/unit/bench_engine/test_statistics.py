"""Order-statistic intervals, the stopping rule and the rank tests, against published tables and brute force."""

import math
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.bench.statistics import (
    Bounds,
    StoppingRule,
    hodges_lehmann,
    mann_whitney,
    median_interval,
    order_coverage,
)

figures = st.floats(min_value=0, max_value=1e12, allow_nan=False)
groups = st.lists(st.integers(0, 10_000).map(float), min_size=1, max_size=7, unique=True)


# Confidence of the interval from the k-th lowest to the k-th highest of n values, in percent, as in the tables for the
# sign-test interval of a median (Conover, Practical Nonparametric Statistics, tables for p = 1/2).
@pytest.mark.parametrize(
    ("count", "rank", "percent"),
    [
        (2, 1, 50.0),
        (3, 1, 75.0),
        (4, 1, 87.5),
        (5, 1, 93.75),
        (6, 1, 96.875),
        (7, 1, 98.4375),
        (8, 1, 99.21875),
        (8, 2, 92.96875),
        (9, 2, 96.09375),
        (10, 2, 97.8515625),
        (10, 3, 89.0625),
        (20, 6, 95.8610534667969),
    ],
)
def test_the_coverage_of_an_order_statistic_interval_is_the_exact_binomial_sum(
    count: int, rank: int, percent: float
) -> None:
    assert order_coverage(count, rank - 1) == pytest.approx(percent / 100, abs=1e-12)


def test_the_coverage_of_an_interval_that_cannot_be_is_zero() -> None:
    assert order_coverage(1, 0) == 0
    assert order_coverage(4, 2) == 0
    assert order_coverage(0, 0) == 0


def test_five_values_give_lowest_to_highest_with_93_75_percent() -> None:
    assert median_interval([5, 1, 4, 2, 3]) == Bounds(low=1, high=5, confidence=0.9375)


def test_six_values_give_lowest_to_highest_with_96_9_percent() -> None:
    assert median_interval([6, 5, 1, 4, 2, 3]) == Bounds(low=1, high=6, confidence=0.96875)


def test_more_values_narrow_the_interval_as_far_as_the_confidence_allows() -> None:
    bounds = median_interval(range(1, 21), confidence=0.95)
    assert (bounds.low, bounds.high) == (6, 15)
    assert bounds.confidence == pytest.approx(0.95861, abs=1e-5)


def test_too_few_values_give_what_confidence_they_have() -> None:
    assert median_interval([7.0]) == Bounds(low=7.0, high=7.0, confidence=0.0)
    assert median_interval([7.0, 9.0, 8.0], confidence=0.99) == Bounds(low=7.0, high=9.0, confidence=0.75)


def test_no_values_have_no_interval() -> None:
    with pytest.raises(ValueError, match="no values"):
        median_interval([])
    with pytest.raises(ValueError, match="no values"):
        StoppingRule().interval([])


def test_the_stopping_rule_forgives_one_run_at_nine_and_two_at_twelve() -> None:
    rule = StoppingRule()
    assert [rule.cut(runs) for runs in range(13)] == [-1, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 2]
    assert [rule.next_look(runs) for runs in (0, 5, 9, 12)] == [5, 9, 12, 17]


@pytest.mark.parametrize("first_look", [1, 5, 6, 8])
def test_the_error_spent_is_the_share_of_all_sequences_that_ever_come_to_a_false_verdict(first_look: int) -> None:
    rule = StoppingRule(first_look=first_look)
    runs = 14
    crossed = sum(
        any(sum(sequence[:n]) <= rule.cut(n) for n in range(1, runs + 1)) for sequence in product((0, 1), repeat=runs)
    )
    assert crossed / 2**runs == pytest.approx(rule.spent(runs), abs=1e-12)
    assert rule.spent(runs) <= 0.05


def test_the_error_stays_within_its_limit_for_any_number_of_looks() -> None:
    rule = StoppingRule()
    assert rule.spent(5) == 1 / 32
    assert 0.0499 < rule.spent(200) <= 0.05
    assert all(rule.cut(n) <= rule.cut(n + 1) <= rule.cut(n) + 1 for n in range(5, 200))


def test_the_interval_of_the_rule_has_the_confidence_that_all_looks_together_leave() -> None:
    assert StoppingRule().interval([3, 1, 5, 4, 2]) == Bounds(low=1, high=5, confidence=0.9375)
    nine = StoppingRule().interval(range(1, 10))
    assert (nine.low, nine.high) == (2, 8)
    assert nine.confidence == pytest.approx(1 - 2 * 0.041015625)


# Largest U that is significant at 5 %, two-sided (Milton, Journal of the American Statistical Association 59, 1964).
@pytest.mark.parametrize(
    ("m", "n", "critical"),
    [
        (4, 4, 0),
        (5, 5, 2),
        (5, 6, 3),
        (5, 8, 6),
        (6, 6, 5),
        (7, 7, 8),
        (8, 8, 13),
        (9, 9, 17),
        (10, 10, 23),
        (20, 20, 127),
    ],
)
def test_the_mann_whitney_p_value_turns_significant_at_the_published_critical_value(
    m: int, n: int, critical: int
) -> None:
    assert mann_whitney(*_groups_with_u(m, n, critical)) <= 0.05
    assert mann_whitney(*_groups_with_u(m, n, critical + 1)) > 0.05


def test_three_against_three_can_never_reach_five_percent() -> None:
    assert mann_whitney([1, 2, 3], [4, 5, 6]) == pytest.approx(0.1)


@given(before=groups, after=groups, shift=st.integers(-50, 50))
@settings(max_examples=60)
def test_the_p_value_is_the_share_of_splits_at_least_as_extreme(
    before: list[float], after: list[float], shift: int
) -> None:
    after = [value + shift for value in after]
    assert mann_whitney(before, after) == pytest.approx(_by_counting_pairs(before, after), abs=1e-12)


@given(before=st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=5), after=st.just([1.0, 2.0, 2.0, 5.0]))
@settings(max_examples=60)
def test_the_p_value_is_exact_with_ties_too(before: list[float], after: list[float]) -> None:
    assert mann_whitney(before, after) == pytest.approx(_by_counting_pairs(before, after), abs=1e-12)


def test_the_normal_approximation_meets_the_exact_value_where_it_takes_over() -> None:
    before, after = list(range(0, 80, 2)), list(range(11, 91, 2))
    exact = mann_whitney(before, after)
    # A tie inside a group changes no comparison between the groups, but rules out counting.
    approximate = mann_whitney([before[1], *before[1:]], after)
    assert 0.01 < exact < 0.05
    assert approximate == pytest.approx(exact, rel=0.01)


def test_groups_of_one_value_repeated_do_not_differ() -> None:
    assert mann_whitney([2.0] * 50, [2.0] * 60) == 1.0
    assert mann_whitney([2.0] * 3, [2.0] * 4) == 1.0


@pytest.mark.parametrize(("before", "after"), [([], [1.0]), ([1.0], [])])
def test_an_empty_group_cannot_be_compared(before: list[float], after: list[float]) -> None:
    with pytest.raises(ValueError, match="both sides"):
        mann_whitney(before, after)
    with pytest.raises(ValueError, match="both sides"):
        hodges_lehmann(before, after)


def test_the_shift_is_the_median_of_all_pairwise_differences() -> None:
    # Differences 7-1, 9-1, 7-4, 9-4 = 6, 8, 3, 5.
    shift, bounds = hodges_lehmann([1, 4], [7, 9])
    assert shift == 5.5
    assert (bounds.low, bounds.high) == (3, 8)
    assert bounds.confidence == pytest.approx(1 - 2 / 6)


def test_five_against_five_give_an_interval_of_96_8_percent() -> None:
    _, bounds = hodges_lehmann([1, 2, 3, 4, 5], [10, 20, 30, 40, 50])
    assert bounds.confidence == pytest.approx(1 - 2 * 4 / 252)


@given(
    before=st.lists(st.integers(0, 10**6).map(float), min_size=4, max_size=7, unique=True),
    after=st.lists(st.integers(0, 10**6).map(lambda n: n + 0.25), min_size=4, max_size=7, unique=True),
)
@settings(max_examples=60)
def test_the_interval_of_the_shift_is_what_the_rank_test_does_not_reject(
    before: list[float], after: list[float]
) -> None:
    _, bounds = hodges_lehmann(before, after)
    outside = [value - bounds.high - 0.125 for value in after]
    assert mann_whitney(before, outside) <= 1 - bounds.confidence + 1e-12
    if bounds.low < bounds.high - 0.25:
        inside = [value - bounds.high + 0.125 for value in after]
        assert mann_whitney(before, inside) > 1 - bounds.confidence - 1e-12


@given(values=st.lists(figures, min_size=1, max_size=30))
def test_an_interval_always_lies_within_the_values_and_around_their_middle(values: list[float]) -> None:
    for bounds in (median_interval(values), StoppingRule().interval(values)):
        assert min(values) <= bounds.low <= sorted(values)[len(values) // 2] <= bounds.high <= max(values)
        assert 0 <= bounds.confidence < 1


def _groups_with_u(m: int, n: int, u: int) -> tuple[list[float], list[float]]:
    """Untied groups for which U of the first is `u`: raise its members over those of the other, one pair at a time."""
    first = [-float(i + 1) for i in range(m)]
    whole, rest = divmod(u, n)
    for i in range(whole):
        first[i] = n + 1.0 + i
    if rest:
        first[whole] = rest + 0.5
    return first, [float(j + 1) for j in range(n)]


def _by_counting_pairs(before: list[float], after: list[float]) -> float:
    """The definition: pairs won by the first group, over every way to split the pooled values."""
    pooled, m = before + after, len(before)
    middle = m * len(after) / 2

    def distance(chosen: tuple[int, ...]) -> float:
        first = [pooled[i] for i in chosen]
        second = [pooled[i] for i in range(len(pooled)) if i not in chosen]
        return abs(sum((a > b) + (a == b) / 2 for a in first for b in second) - middle)

    seen = distance(tuple(range(m)))
    splits = list(combinations(range(len(pooled)), m))
    assert len(splits) == math.comb(len(pooled), m)
    return sum(distance(chosen) >= seen - 1e-9 for chosen in splits) / len(splits)
