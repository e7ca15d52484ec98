"""The two criteria of the SNIA specification, on windows worked out by hand."""

import math

import pytest

from nodeagent.bench.steady_state import steady_state


def test_a_flat_window_is_steady() -> None:
    state = steady_state([100, 100, 100, 100, 100])
    assert state is not None
    assert (state.range_ratio, state.excursion_ratio, state.steady) == (0, 0, True)


def test_range_and_slope_are_those_worked_out_by_hand() -> None:
    # Mean 100; range 110 - 92 = 18; slope (-2*92 - 1*98 + 1*104 + 2*110 - 4*0) / 10 with 96 in the middle:
    # sum((x - 2) * y) = -184 - 98 + 0 + 104 + 220 = 42, over sum((x - 2)^2) = 10, so 4.2 a round and 16.8 over four.
    state = steady_state([92, 98, 96, 104, 110])
    assert state is not None
    assert state.mean == 100
    assert state.range_ratio == pytest.approx(0.18)
    assert state.excursion_ratio == pytest.approx(0.168)
    assert not state.steady


def test_a_slow_decline_within_the_band_is_not_steady() -> None:
    # 108, 104, 100, 96, 92: range 16 % of the mean, but the line falls by 4 x 4 = 16 %.
    state = steady_state([108, 104, 100, 96, 92])
    assert state is not None
    assert state.range_ratio <= 0.20
    assert not state.steady


def test_a_single_dip_that_hardly_tilts_the_line_is_not_steady() -> None:
    # Mean 95, range 25 (26 %); the dip in the middle leaves the slope at 0.
    state = steady_state([100, 100, 75, 100, 100])
    assert state is not None
    assert state.excursion_ratio == 0
    assert not state.steady


def test_both_limits_belong_to_what_is_steady() -> None:
    # Mean 100, range 90..110 = 20 %; sum((x - 2) y) = -180 - 110 + 105 + 200 = 15... slope 1.5, excursion 6 %.
    state = steady_state([90, 110, 95, 105, 100])
    assert state is not None
    assert state.range_ratio == pytest.approx(0.20)
    assert state.excursion_ratio == pytest.approx(0.06)
    assert state.steady


def test_only_the_last_five_rounds_count() -> None:
    state = steady_state([10, 1000, 100, 101, 99, 100, 100])
    assert state is not None
    assert state.steady


@pytest.mark.parametrize("rounds", [[], [1.0] * 4, [0.0] * 5, [1, 1, math.nan, 1, 1], [1, 1, math.inf, 1, 1]])
def test_too_few_rounds_or_no_positive_mean_have_no_answer(rounds: list[float]) -> None:
    assert steady_state(rounds) is None


def test_the_text_names_both_criteria_and_their_limits() -> None:
    assert str(steady_state([92, 98, 96, 104, 110])) == (
        "range 18.0% of the mean (at most 20%), slope 16.8% (at most 10%) over 5 runs"
    )
