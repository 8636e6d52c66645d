"""The signed-rank test behind a claim, and what it sets aside."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from autotune.measure.significance import p_values, undisturbed


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


def test_a_setting_that_is_often_slow_is_not_proved_by_setting_its_slow_pairs_aside() -> None:
    often_slow = np.log(np.array([[10 / 9] * 9 + [10 / 50] * 7])) - np.log(1.02)
    assert p_values(often_slow)[0] == 1.0
    once_disturbed = np.log(np.array([[10 / 9] * 9 + [10 / 50]])) - np.log(1.02)
    assert p_values(once_disturbed)[0] < 0.01
