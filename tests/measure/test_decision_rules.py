"""The end-to-end decision on the simulated clock, in small numbers; `benchmarks/decision_rules.py` does thousands."""

from __future__ import annotations

from types import ModuleType

import numpy as np


def test_nothing_planted_nothing_claimed_where_the_naive_rule_claims_half(rules: ModuleType):
    outcomes = [rules.simulate(rules.MACHINES[-1], False, seed) for seed in range(60)]
    assert sum(outcome.improved for outcome in outcomes) <= 1
    assert np.median([outcome.naive_speedup for outcome in outcomes]) > 1.3


def test_a_gain_that_is_called_resolvable_is_found(rules: ModuleType):
    outcomes = [rules.simulate(rules.MACHINES[2], True, seed) for seed in range(60)]
    resolvable = [outcome for outcome in outcomes if outcome.resolvable]
    assert len(resolvable) > 30
    assert np.mean([outcome.correct for outcome in resolvable]) >= 0.8


def test_the_clock_is_noisy_drifting_and_bursting(rules: ModuleType):
    machine = rules.Machine("test", 0.01, 0.1, 0.05, 0.5)
    clock = rules.Clock(machine, np.random.default_rng(0))
    logs = np.log([clock.run() for _ in range(3000)])
    assert np.corrcoef(logs[:-1], logs[1:])[0, 1] > 0.5
    assert logs.max() > 0.5


def test_the_markdown_table_is_one(rules: ModuleType, capsys):
    rules.show("Title", ("a", "b"), [["1", "22"]], markdown=True)
    assert capsys.readouterr().out == "\nTitle\n\n| a | b  |\n| - | -- |\n| 1 | 22 |\n"
