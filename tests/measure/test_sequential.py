"""The rule of the proof: when it stops, what it claims then, and what it never claims."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest

from autotune.measure import FEWEST_STARTS, Rule
from autotune.measure.sequential import FEWEST_TO_GIVE_UP

RULE = Rule(floor=0.01)


def starts(speedup: float, spread: float, n: int, seed: int = 0) -> list[float]:
    return (math.log(speedup) + spread * np.random.default_rng(seed).standard_normal(n)).tolist()


def stopped(logs: list[float], rule: Rule = RULE):
    looks = (rule.look(logs[:n]) for n in range(1, len(logs) + 1))
    return next(look for look in looks if look.decision != "go on")


def test_a_large_gain_is_proved_with_the_fewest_starts():
    look = stopped(starts(1.9, 0.03, 16))
    assert (look.decision, look.starts) == ("proved", FEWEST_STARTS)
    assert look.p_value < RULE.alpha
    assert look.speedup.low <= 1.9 <= look.speedup.high


def test_nothing_is_claimed_on_fewer_than_four_starts_however_clear():
    for n in range(1, FEWEST_STARTS):
        assert RULE.look([1.0] * n).decision == "go on"


def test_four_starts_that_agree_by_luck_are_no_proof_below_the_noise_of_this_machine():
    lucky = [0.25, 0.25, 0.25, 0.25]  # not one of them further than a run differs from the next
    assert Rule(floor=0.001).look(lucky).proved
    assert Rule(floor=0.25).look(lucky).decision == "go on"


@pytest.mark.parametrize(("alpha", "fewest"), [(0.01, 8), (0.005, 9), (0.0025, 10)])
def test_a_small_gain_is_not_claimed_on_few_starts_however_well_they_agree(alpha, fewest):
    """Pairs of one start share what its process drew; only more starts tell: so many that a coin seldom falls so."""
    agreeing = [0.08 + 0.001 * (n % 2) for n in range(fewest)]
    rule = Rule(alpha=alpha, floor=0.001)
    assert 0.5**fewest <= alpha / 2
    for n in range(1, fewest):
        assert not rule.look(agreeing[:n], [5] * n).proved
    assert rule.look(agreeing, [5] * fewest).proved


def test_a_setting_that_is_fast_in_half_of_its_starts_and_slow_in_the_others_is_not_claimed():
    rng = np.random.default_rng(5)
    modes = np.where(rng.integers(2, size=(200, 16)) == 1, 0.1, -0.1) + 0.005 * rng.standard_normal((200, 16))
    claimed = [stopped(row.tolist(), Rule(floor=0.005)).proved for row in modes]
    assert sum(claimed) <= 5


def test_several_pairs_of_one_start_lower_the_floor_and_nothing_else():
    lucky = [0.06, 0.06, 0.06, 0.061, 0.06, 0.06, 0.06, 0.06]
    assert not Rule(floor=0.03).look(lucky).proved
    assert Rule(floor=0.03).look(lucky, [4] * 8).proved
    loose = [0.0, 0.12, 0.02, 0.10]
    assert Rule(floor=0.012).look(loose).p_value == Rule(floor=0.012).look(loose, [4] * 4).p_value


def test_what_cannot_be_worth_it_is_given_up_early():
    assert stopped(starts(0.9, 0.01, 16)).starts == FEWEST_STARTS
    assert stopped(starts(0.9, 0.01, 16)).decision == "not worth it"
    nothing = [stopped(starts(1.0, 0.02, 16, seed), Rule(floor=0.02)) for seed in range(100)]
    assert {look.decision for look in nothing} <= {"not worth it", "hopeless"}
    assert np.mean([look.starts for look in nothing]) < FEWEST_TO_GIVE_UP + 2


def test_the_rule_ends_with_the_most_starts():
    undecided = [math.log(1.16) + (0.05 if n % 2 else -0.05) for n in range(16)]
    rule = Rule(floor=0.05, most_starts=5)
    assert stopped(undecided, rule).decision == "no more starts"
    with pytest.raises(ValueError, match="from 1 to 5"):
        rule.look(undecided)


def test_a_smaller_alpha_and_a_larger_minimum_gain_ask_for_more():
    logs = starts(1.12, 0.02, 6)
    usual = Rule(floor=0.01).look(logs).p_value
    assert Rule(floor=0.01, minimum_gain=0.08).look(logs).p_value > usual
    assert not Rule(floor=0.01, alpha=usual / 2).look(logs).proved
    assert Rule(floor=0.01, alpha=usual * 2).look(logs).proved


def test_the_p_value_of_a_sequence_never_rises():
    logs = starts(1.05, 0.03, 16)
    p = [Rule(floor=0.02).look(logs[:n]).p_value for n in range(1, 17)]
    assert p == sorted(p, reverse=True)


def test_the_visible_gain_is_what_the_most_starts_are_expected_to_prove():
    rule = Rule(floor=0.02)
    assert rule.visible_gain(16) < rule.visible_gain(8) < rule.visible_gain(4)
    assert Rule(floor=0.0).visible_gain() == pytest.approx(rule.minimum_gain)
    needed = rule.starts_for(0.05)
    assert needed is not None
    assert rule.visible_gain(needed) <= 0.05 < rule.visible_gain(needed - 1)
    assert rule.starts_for(0.021) is None
    assert rule.starts_for(0.05, pairs=4) < needed


def test_a_claim_at_the_least_favourable_truth_is_as_rare_as_alpha_says(rules: ModuleType):
    for machine in rules.MACHINES:
        gain = rules.CONFIRM.minimum_gain
        logs = [rules._pairs(machine, gain, seed) for seed in range(60)]
        proved = [
            rules.sequence(row, rules.CONFIRM.rule(rules.aa_noise(machine, n))).proved for n, row in enumerate(logs)
        ]
        assert sum(proved) <= 3, machine.name


def test_a_gain_of_ten_percent_is_found_on_a_quiet_machine_by_few_starts(rules: ModuleType):
    quiet = rules.QUIET
    found = [
        rules.sequence(rules._pairs(quiet, 0.10, seed), rules.CONFIRM.rule(rules.aa_noise(quiet, seed)))
        for seed in range(60)
    ]
    assert np.mean([look.proved for look in found]) > 0.9
    assert np.mean([look.starts for look in found]) < 9


def test_what_is_claimed_by_a_hair_was_lucky_and_its_interval_begins_at_the_minimum_gain():
    spread = 0.1 * np.array([-1.0, 1.0, -0.5, 0.5])
    rule = Rule(floor=0.05)
    looks = [rule.look((middle + spread).tolist()) for middle in np.arange(0.2, 3.0, 0.02)]
    by_a_hair = next(look for look in looks if look.proved)
    assert by_a_hair.speedup.low == pytest.approx(1 + rule.minimum_gain)
    assert by_a_hair.speedup.low < by_a_hair.speedup.estimate / 1.3
    far = looks[-1].speedup  # nobody needs luck for this
    quantile, error = 3.182, float(spread.std(ddof=1)) / 2
    assert math.log(far.estimate / far.low) == pytest.approx(quantile * error, rel=1e-3)
    lows = [look.speedup.low for look in looks if look.proved]
    assert lows == sorted(lows)
