"""What a study will cost is told before its first trial, and its budget is shared out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autotune.search.trial as trial_module
from autotune.begin import config_of
from autotune.calibrate.price import LARGE, SMALL, check_budget, in_words, prices, searching, starts_within
from autotune.config import ConfirmConfig, SearchConfig, seconds
from autotune.confirm.starts import Starts
from autotune.errors import UsageError
from autotune.launch.judge import RunFailed
from autotune.measure import FEWEST_STARTS, Rule, aa_spread, confirm, neighbour_log_ratios
from autotune.search.trial import TrialRunner
from autotune.settings import Params
from autotune.store.records import Trial


@dataclass(frozen=True)
class Observed:
    run_s: float
    wall_s: float


LONG: Any = Observed(run_s=30.0, wall_s=33.0)
SEARCH = SearchConfig(trials=30)
RULE = Rule(floor=0.01)


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90), ("90s", 90), ("10min", 600), ("2h", 7200), ("1h30min", 5400), ("1.5 h", 5400)]
)
def test_a_time_is_written_as_people_write_it(text: str, expected: float) -> None:
    assert SearchConfig(budget=text).budget == expected


@pytest.mark.parametrize("text", ["", "soon", "10 weeks", "-5s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="90s"):
        seconds(text)


def test_the_search_costs_two_run_sections_a_trial_and_the_proof_as_many_starts_as_the_gain_needs() -> None:
    told = prices(LONG, SEARCH, RULE, part=0.1, replays=True)
    replayed, fresh = told.of(LARGE, replayed=True), told.of(LARGE, replayed=False)
    assert replayed.search_s == pytest.approx(30 * 2 * 3.0)
    assert fresh.search_s == pytest.approx(30 * 2 * (3.0 + 3.0))
    assert replayed.proof_s == pytest.approx(
        66.0 + (FEWEST_STARTS - 1) * (60.0 + 3.0)
    )  # the first start is a plain one
    assert fresh.proof_s == pytest.approx(FEWEST_STARTS * 66.0)
    assert told.of(SMALL, replayed=True).proof_s > replayed.proof_s
    assert told.expected == told.of(SMALL, replayed=True)


def test_a_start_of_a_model_with_a_long_set_up_makes_several_pairs_and_costs_them() -> None:
    slow: Any = Observed(run_s=1.0, wall_s=7.0)
    told = prices(slow, SEARCH, RULE, part=1.0, replays=True)
    assert told.of(LARGE, replayed=True).proof_s == pytest.approx(14.0 + (FEWEST_STARTS - 1) * (6.0 + 3 * 2.0))


class Timed:
    """Runs a simulated model, and adds up what its runs take."""

    def __init__(self, model: Any) -> None:
        self.model, self.now_s = model, 0.0

    def prepare(self, changes: Any) -> None:
        """There is nothing to build."""

    def run(self, ask: Any) -> Any:
        try:
            run = self.model.run(ask)
        except RunFailed:
            self.now_s += ask.limit_s
            raise
        self.now_s += run.wall_s
        return run


@pytest.mark.parametrize("gain", [0.05, 0.30])
def test_from_the_end_of_calibration_on_the_time_left_is_true_to_within_a_third(
    rules: ModuleType, monkeypatch: pytest.MonkeyPatch, gain: float
) -> None:
    """One trial in five is so much faster, on a clock whose runs differ by 1 %."""
    clock = rules.Clock(rules.Machine("quiet", 0.007, 0.0, 0.0, 0.0), np.random.default_rng(3))
    speedups = np.where(np.arange(30) % 5 == 1, 1 + gain, 1.0)
    runner = Timed(rules.Model(clock, speedups))
    monkeypatch.setattr(trial_module, "time", SimpleNamespace(monotonic=lambda: runner.now_s))
    aa = aa_spread(neighbour_log_ratios([clock.run() for _ in range(6)]), shared_runs=True)
    rule = ConfirmConfig().rule(aa.spread)
    verifier = rules.verifier(len(speedups))
    told = prices(verifier.acceptance.observation, SEARCH, rule, part=1.0, replays=False)
    trials: list[Trial] = []
    search = TrialRunner(runner, verifier, SEARCH, aa.upper, wanted_gain=0.05)
    promised = [(0.0, told.of(gain, replayed=False).seconds)]
    for number in range(30):
        trials.append(search.trial(number, Params({rules.KNOB: number}), trials))
        promised.append((runner.now_s, told.left_s(trials, SEARCH)))
    starts = Starts(runner, verifier)
    best = min((trial for trial in trials if trial.changes), key=lambda trial: trial.ratio or 1.0)
    assert confirm({"1": partial(starts.make, best.changes)}, rule, run_failed=RunFailed).winner
    for at_s, left_s in promised:
        assert left_s == pytest.approx(runner.now_s - at_s, rel=1 / 3), f"at {at_s:.0f} of {runner.now_s:.0f} s"


def test_a_proof_on_a_part_costs_a_part() -> None:
    whole, part = (prices(LONG, SEARCH, RULE, part=0.1, replays=True, claim_part=claim) for claim in (False, True))
    assert part.expected.proof_s < whole.expected.proof_s / 4


def test_the_prices_are_told_the_way_of_this_model_first() -> None:
    first, second = in_words(prices(LONG, SEARCH, RULE, part=1.0, replays=False))
    assert first.startswith("trials in fresh processes will take")
    assert second.startswith("trials on built networks would take")


def test_a_budget_too_small_to_prove_anything_is_said_with_what_it_could_do() -> None:
    with pytest.raises(UsageError, match="a budget of 1 min 0 s proves nothing") as told:
        check_budget(SearchConfig(budget="1min"), LONG)
    assert "--budget 495s" in told.value.cure
    check_budget(SearchConfig(budget="495s"), LONG)
    check_budget(SEARCH, LONG)


def test_the_search_leaves_the_proof_its_share_of_the_budget() -> None:
    told = prices(LONG, SEARCH, RULE, part=1.0, replays=False)
    expected = told.expected
    limited = searching(SearchConfig(budget=3600.0), 200.0, told)
    assert limited.time_budget_s == pytest.approx(3600.0 - 200.0 - expected.proof_s)
    assert searching(SearchConfig(budget=3600.0, time_budget_s=50.0), 200.0, told).time_budget_s == 50.0
    assert searching(SearchConfig(budget=600.0), 500.0, told).time_budget_s == pytest.approx(60.0)
    assert searching(SEARCH, 200.0, told) == SEARCH


def test_a_search_of_long_runs_costs_a_few_of_them_where_the_user_says_nothing() -> None:
    nothing_said = SearchConfig()
    told = prices(LONG, nothing_said, RULE, part=1.0, replays=True)
    assert told.expected.search_s == told.search_limit_s == pytest.approx(12 * LONG.wall_s)
    assert searching(nothing_said, 100.0, told).time_budget_s == told.search_limit_s
    assert in_words(told)[-1].startswith("after 6 min 36 s of searching no trial is begun but the first ones")
    assert told.asked_by(nothing_said) == told
    assert searching(SEARCH, 100.0, told.asked_by(SEARCH)) == SEARCH  # a study that is gone on with
    for said in (SEARCH, SearchConfig(time_budget_s=1e5), SearchConfig(budget=1e5)):
        assert prices(LONG, said, RULE, part=1.0, replays=True).search_limit_s is None
    assert prices(LONG, nothing_said, RULE, part=0.1, replays=True).search_limit_s == pytest.approx(4 * LONG.wall_s)
    short: Any = Observed(run_s=0.5, wall_s=1.0)
    assert prices(short, nothing_said, RULE, part=1.0, replays=False).search_limit_s == 15.0


def test_what_a_study_does_not_say_is_not_said(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('command = "python model.py"\n[search]\nseed = 3\n')
    config = config_of(file, None, tmp_path, search={"trials": None}, confirm={"claim": "part"})
    assert config.search.model_fields_set == {"seed"}
    assert (config.search.seed, config.confirm.claim) == (3, "part")
    assert "trials" in config_of(file, None, tmp_path, search={"trials": 30}).search.model_fields_set


def test_what_is_left_of_a_budget_pays_for_so_many_starts_and_the_fewest_at_least() -> None:
    assert starts_within(1000.0, 340.0, 66.0, most=16) == 10
    assert starts_within(1000.0, 340.0, 6.0, most=16) == 16
    assert starts_within(1000.0, 990.0, 66.0, most=16) == FEWEST_STARTS
    assert starts_within(None, 1e9, 66.0, most=16) == 16
