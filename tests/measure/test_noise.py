"""What an A/A test promises about the gains that can be seen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autotune.measure import Noise, Rule, aa_spread, advice, neighbour_log_ratios, repeated_spread, with_more

QUIET = Noise(spread=0.01, upper=0.015, pairs=10, disturbed=0, confidence=0.8)
LOUD = Noise(spread=0.2, upper=0.3, pairs=5, disturbed=1, confidence=0.8)


def log_ratios(spread: float, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread, count)


def test_the_spread_of_many_pairs_is_their_standard_deviation():
    assert aa_spread(log_ratios(0.05, 4000)).spread == pytest.approx(0.05, rel=0.05)


def test_bursts_in_one_pair_of_five_hardly_change_the_spread_and_are_counted():
    calm = log_ratios(0.02, 40)
    hit = calm.copy()
    hit[::5] += 0.5
    noise = aa_spread(hit)
    assert noise.spread < 2 * aa_spread(calm).spread
    assert noise.disturbed == 8


@pytest.mark.parametrize("shared", [False, True])
def test_the_upper_bound_holds_as_often_as_it_says(shared: bool):
    def bound(seed: int) -> float:
        if not shared:
            return aa_spread(log_ratios(0.05, 8, seed)).upper
        walls = np.exp(log_ratios(0.05 / math.sqrt(2), 9, seed))
        return aa_spread(neighbour_log_ratios(walls.tolist()), shared_runs=True).upper

    holds = np.mean([bound(seed) >= 0.05 for seed in range(500)])
    assert 0.75 <= holds <= 0.92


def test_what_the_search_shows_of_the_noise_corrects_a_lucky_beginning():
    lucky = aa_spread(log_ratios(0.002, 5), shared_runs=True)
    known = with_more(lucky, log_ratios(0.05, 60))
    assert known.spread == pytest.approx(0.05, rel=0.25)
    assert known.pairs == 65
    assert known.spread < known.upper < 1.2 * known.spread
    assert with_more(lucky, [0.3, 0.4]) == lucky


def test_fewer_pairs_leave_more_doubt():
    few, many = aa_spread([0.01, -0.01, 0.01]), aa_spread([0.01, -0.01, 0.01] * 5)
    assert few.upper / few.spread > many.upper / many.spread


@pytest.mark.parametrize("bad", [[], [0.1, 0.2], [0.1, 0.2, math.nan]])
def test_an_aa_test_needs_three_finite_pairs(bad: list[float]):
    with pytest.raises(ValueError, match="three finite"):
        aa_spread(bad)


def test_on_a_quiet_machine_the_advice_is_the_finding_alone():
    rule = Rule(floor=QUIET.upper, most_starts=10)
    (finding,) = advice(QUIET, rule, run_s=5.0)
    assert "with 10 pairs at most" in finding
    assert f"{rule.visible_gain():.1%}" in finding


def test_on_a_loud_machine_the_advice_names_every_way_out():
    text = "\n".join(advice(LOUD, Rule(floor=LOUD.upper), run_s=0.3))
    for hint in ("cannot be shown so", "longer tstop", "More A/A repeats", "Fewer busy neighbours", "1 of 5 A/A pairs"):
        assert hint in text


def test_settings_that_run_in_modes_are_less_steady_than_the_baseline():
    modes = [(0.1, 0.1), (0.1, -0.1), (-0.1, 0.1), (0.1,), (-0.1, -0.1)]
    unsteady = repeated_spread(modes, QUIET)
    assert unsteady is not None
    assert 0.05 < unsteady.spread < unsteady.upper
    assert repeated_spread(modes, LOUD) is None  # it may be noise
    assert repeated_spread([(0.5, 0.3), (0.1, -0.1), (0.2,)], QUIET) is None  # two pairs say nothing


def test_settings_as_steady_as_the_baseline_are_rarely_called_less_so():
    def called(seed: int) -> bool:
        noise = aa_spread(log_ratios(0.02, 40, seed))
        return repeated_spread(log_ratios(0.02, 24, 1000 + seed).reshape(12, 2), noise) is not None

    assert sum(called(seed) for seed in range(300)) < 15
