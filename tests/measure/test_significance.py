"""The test behind a claim, its correction and its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from autotune.measure import minimum_pairs, recommended_pairs
from autotune.measure.significance import hodges_lehmann, holm, p_values, speedup_interval, undisturbed


def test_holm_by_known_numbers():
    # Worked by hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, then 0.04 raised to its predecessor's value.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


def test_holm_never_exceeds_one_and_keeps_a_single_p_value():
    assert holm([0.7, 0.9]) == (1.0, 1.0)
    assert holm([0.004]) == (0.004,)
    assert holm([]) == ()


def test_dropped_finalists_still_count_in_the_family():
    assert holm([0.003], family=3) == pytest.approx((0.009,))


@pytest.mark.parametrize(("alpha", "finalists", "pairs"), [(0.01, 1, 7), (0.01, 2, 8), (0.01, 3, 9), (0.05, 1, 5)])
def test_the_minimum_number_of_pairs_is_exactly_enough(alpha: float, finalists: int, pairs: int):
    assert minimum_pairs(alpha, finalists) == pairs
    best_p = p_values(np.full((1, pairs), 0.1) + 0.001 * np.arange(pairs))[0]
    assert best_p * finalists < alpha <= 2 * best_p * finalists
    assert recommended_pairs(alpha, finalists) == pairs + 1


def test_an_alpha_of_exactly_a_power_of_two_is_not_reached_by_equality():
    assert 2.0 ** -minimum_pairs(1 / 64) < 1 / 64


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, math.nan])
def test_a_senseless_alpha_is_refused(alpha: float):
    with pytest.raises(ValueError, match="alpha"):
        minimum_pairs(alpha)


def test_without_disturbed_pairs_the_test_is_wilcoxon_s():
    excess = np.array([[0.03, 0.05, -0.01, 0.04, 0.06, 0.02, 0.035, 0.045]])
    expected = stats.wilcoxon(excess[0], alternative="greater", method="exact").pvalue
    assert p_values(excess)[0] == pytest.approx(expected)


def test_one_disturbed_pair_of_ten_does_not_cost_the_proof():
    excess = np.full(10, 0.08) + 0.001 * np.arange(10)
    excess[4] = -0.4
    assert stats.wilcoxon(excess, alternative="greater", method="exact").pvalue > 0.01 / 3
    assert p_values(excess[None])[0] < 0.01 / 3


def test_pairs_are_set_aside_for_their_size_whatever_their_sign():
    excess = np.array([0.1, -0.1, 0.09, 0.11, 0.5, -0.5])
    assert undisturbed(excess).tolist() == [True, True, True, True, False, False]
    assert (undisturbed(excess) == undisturbed(-excess)).all()


def test_p_values_are_honest_under_heavy_tails():
    excess = np.random.default_rng(1).standard_t(1.5, (4000, 10))
    assert np.mean(p_values(excess) < 0.01) <= 0.014


def test_the_hodges_lehmann_estimate_ignores_a_wild_value():
    assert hodges_lehmann(np.array([1.0, 2.0, 3.0])) == 2.0
    assert hodges_lehmann(np.array([1.0, 1.1, 0.9, 1.0, 50.0])) == pytest.approx(1.0, abs=0.1)


def test_the_interval_of_few_pairs_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    intervals = [
        speedup_interval(rng.normal(0.1, 0.05, 10), confidence=0.95, resamples=299, seed=0) for _ in range(400)
    ]
    holds = np.mean([i.low <= math.exp(0.1) <= i.high for i in intervals])
    assert holds >= 0.93


def test_one_disturbed_pair_does_not_widen_the_interval():
    calm = np.random.default_rng(3).normal(0.1, 0.01, 10)
    hit = np.append(calm[:-1], -0.4)
    widths = [
        i.high - i.low for i in (speedup_interval(x, confidence=0.95, resamples=499, seed=0) for x in (calm, hit))
    ]
    assert widths[1] < 1.5 * widths[0]


def test_identical_pairs_make_an_interval_without_width():
    interval = speedup_interval(np.full(9, math.log(1.2)), confidence=0.95, resamples=99, seed=0)
    assert (interval.low, interval.estimate, interval.high) == pytest.approx((1.2, 1.2, 1.2))


def test_a_setting_that_is_often_slow_is_not_proved_by_setting_its_slow_pairs_aside() -> None:
    often_slow = np.log(np.array([[10 / 9] * 9 + [10 / 50] * 7])) - np.log(1.02)
    assert p_values(often_slow)[0] == 1.0
    once_disturbed = np.log(np.array([[10 / 9] * 9 + [10 / 50]])) - np.log(1.02)
    assert p_values(once_disturbed)[0] < 0.01
