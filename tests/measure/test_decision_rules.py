"""The end-to-end decision on the simulated clock, in small numbers; `benchmarks/decision_rules.py` does thousands."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from autotune.calibrate.steps import SHARED
from autotune.config import ConfirmConfig, NoiseConfig, SearchConfig
from autotune.launch.ask import Ask
from autotune.search.trial import TrialRunner


def test_what_is_simulated_is_a_study_with_the_default_configuration(rules: ModuleType):
    assert (rules.CONFIG.search, rules.CONFIG.confirm, rules.CONFIG.noise) == (
        SearchConfig(),
        ConfirmConfig(),
        NoiseConfig(),
    )
    quiet, busy = ([rules.simulate(each, True, n).runs for n in range(20)] for each in (rules.QUIET, rules.MACHINES[3]))
    assert np.mean(quiet) < np.mean(busy)


def test_nothing_planted_nothing_claimed_where_the_naive_rule_claims_half(rules: ModuleType):
    outcomes = [rules.simulate(rules.MACHINES[4], False, seed) for seed in range(60)]
    assert sum(outcome.improved for outcome in outcomes) <= 1
    assert np.median([outcome.naive_speedup for outcome in outcomes]) > 1.3


def test_a_gain_that_is_called_resolvable_is_found(rules: ModuleType):
    outcomes = [rules.simulate(rules.MACHINES[2], True, seed) for seed in range(60)]
    resolvable = [outcome for outcome in outcomes if outcome.resolvable]
    assert len(resolvable) > 20
    assert np.mean([outcome.correct for outcome in resolvable]) >= 0.8


def test_where_settings_run_in_two_modes_little_is_asked_and_no_promise_stands(rules: ModuleType):
    outcomes = [rules.simulate(rules.MACHINES[-1], planted, seed) for seed in range(25) for planted in (False, True)]
    assert np.mean([outcome.promised for outcome in outcomes]) > 0.8
    assert np.mean([outcome.resolvable for outcome in outcomes]) < 0.3
    assert np.mean([outcome.runs for outcome in outcomes]) < 20  # by the baseline's noise alone 40
    assert np.mean([outcome.first_covered for outcome in outcomes if outcome.first_covered is not None]) > 0.85


def test_trials_are_repeated_and_capped_as_in_a_real_study(rules: ModuleType):
    clock = rules.Clock(rules.Machine("still", 0.0, 0.0, 0.0, 0.0), np.random.default_rng(0))
    speedups = np.array([1.0, 1.1, 0.9, 0.01])
    runner, trials = TrialRunner(rules.Model(clock, speedups), rules.verifier(4), rules.SEARCH), []
    for number in range(4):
        trials.append(runner.trial(number, {rules.KNOB: number}, trials))
    baseline, faster, slower, hopeless = trials
    assert baseline.ratio == pytest.approx(1.0)
    assert faster.ratio == pytest.approx(1 / 1.1)
    assert [len(trial.samples) for trial in (faster, slower)] == [1 + SearchConfig().repeats, 1]
    assert (hopeless.verdict, hopeless.ratio) == ("timeout", None)


def test_only_what_may_be_the_gain_that_is_looked_for_is_measured_again(rules: ModuleType):
    clock = rules.Clock(rules.Machine("still", 0.0, 0.0, 0.0, 0.0), np.random.default_rng(0))
    model = rules.Model(clock, np.array([1.0, 1.01, 1.04, 1.10]))
    runner, trials = TrialRunner(model, rules.verifier(4), rules.SEARCH, noise=0.01, wanted_gain=0.05), []
    for number in range(4):
        trials.append(runner.trial(number, {rules.KNOB: number}, trials))
    assert [len(trial.samples) for trial in trials] == [1, 1, 2, 2]  # 4 % may be 5 % with such a noise


def test_the_last_a_a_runs_are_the_sample_of_the_baseline_and_the_first_of_a_trial(rules: ModuleType):
    clock = rules.Clock(rules.Machine("still", 0.0, 0.0, 0.0, 0.0), np.random.default_rng(0))
    model = rules.Model(clock, np.array([1.0, 1.1]))
    own = [model.run(Ask(1e6)) for _ in range(SHARED)]
    runner = TrialRunner(model, rules.verifier(2), rules.SEARCH, noise=0.01, wanted_gain=0.2, own=own)
    baseline = runner.trial(0, {rules.KNOB: 0})
    assert (baseline.verdict, baseline.ratio, clock.runs) == ("accepted", pytest.approx(1.0), SHARED)
    faster = runner.trial(1, {rules.KNOB: 1}, [baseline])
    assert (faster.ratio, clock.runs) == (pytest.approx(1 / 1.1), SHARED + 2)  # itself and the baseline run after it
    again = runner.trial(2, {rules.KNOB: 0}, [])
    assert (len(again.samples), clock.runs) == (1, SHARED + 4)  # they stand for one trial only


def test_the_clock_is_noisy_drifting_and_bursting(rules: ModuleType):
    machine = rules.Machine("test", 0.01, 0.1, 0.05, 0.5)
    clock = rules.Clock(machine, np.random.default_rng(0))
    logs = np.log([clock.run() for _ in range(3000)])
    assert np.corrcoef(logs[:-1], logs[1:])[0, 1] > 0.5
    assert logs.max() > 0.5


def test_the_markdown_table_is_one(rules: ModuleType, capsys):
    rules.show("Title", ("a", "b"), [["1", "22"]], markdown=True)
    assert capsys.readouterr().out == "\nTitle\n\n| a | b  |\n| - | -- |\n| 1 | 22 |\n"
