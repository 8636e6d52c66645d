"""Ratios of neighbouring runs."""

from __future__ import annotations

import math

import pytest

from autotune.measure import log_speedup, neighbour_log_ratios, paired_ratio


def test_a_trial_as_fast_as_its_neighbours_scores_one():
    assert paired_ratio(2.0, 2.0, 2.0) == pytest.approx(1.0)


def test_below_one_is_faster():
    assert paired_ratio(2.0, 1.0, 2.0) == pytest.approx(0.5)


def test_a_steady_slow_down_of_the_machine_cancels():
    assert paired_ratio(1.0, 1.1, 1.21) == pytest.approx(1.0)


def test_log_speedup_is_above_zero_when_the_trial_is_faster():
    assert log_speedup(2.2, 2.0) == pytest.approx(math.log(1.1))


def test_neighbours_are_compared_in_order():
    assert neighbour_log_ratios([1.0, 2.0, 1.0]) == pytest.approx((-math.log(2), math.log(2)))
    assert neighbour_log_ratios([1.0]) == ()


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("place", range(3))
def test_a_time_that_is_none_is_refused(bad: float, place: int):
    times = [1.0, 1.0, 1.0]
    times[place] = bad
    with pytest.raises(ValueError, match="positive, finite"):
        paired_ratio(*times)
