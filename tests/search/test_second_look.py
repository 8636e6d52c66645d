"""A trial that chance has made look faster is looked at again before anything fresh runs; one that is faster stays."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest

from autotune.calibrate.noise import measure_noise
from autotune.config import ConfirmConfig, SearchConfig
from autotune.launch.ask import Ask
from autotune.search.second_look import SecondLook, second_look, still_faster
from autotune.search.simplify import PAIRS
from autotune.search.trial import TrialRunner
from autotune.settings import Changes, Params
from autotune.store.folder import StudyFolder
from autotune.store.records import Sample, Trial

NOISE, LEAST = 0.02, 0.02


def looked_faster(number: int, speedup: float) -> Trial:
    return Trial(
        number,
        Params({"dt": number}),
        "accepted",
        changes=Changes({"dt": number}),
        ratio=1 / speedup,
        samples=(Sample(1.0, 1 / speedup, 1.0),) * 2,
    )


@pytest.fixture
def folder(tmp_path) -> StudyFolder:
    folder = StudyFolder(tmp_path / "study")
    folder.create()
    return folder


def runner_of(rules: ModuleType, *speedups: float) -> TrialRunner:
    clock = rules.Clock(rules.Machine("still", 0.0, 0.0, 0.0, 0.0), np.random.default_rng(0))
    model = rules.Model(clock, np.array([1.0, *speedups]))
    return TrialRunner(model, rules.verifier(1 + len(speedups)), SearchConfig(), router=rules.Replays(model))


def test_luck_is_dropped_what_is_faster_stays_and_no_pair_is_made_twice(rules: ModuleType, folder: StudyFolder) -> None:
    trials = [looked_faster(1, 1.05), looked_faster(2, 1.04), looked_faster(3, 1.035)]
    runner = runner_of(rules, 1.0, 1.06, 1.0)
    seen = second_look(runner, folder, trials, NOISE, LEAST, most=3)
    assert seen.dropped == (1,)
    assert [trial.number for trial in seen.left(trials)] == [2, 3]
    assert seen.gains[2] == pytest.approx([math.log(1.06)] * PAIRS)
    made = runner.fresh.clock.runs
    assert made == 2 * 2 * PAIRS
    assert second_look(runner, folder, trials, NOISE, LEAST, most=3) == seen == folder.read(SecondLook)
    assert runner.fresh.clock.runs == made


@pytest.mark.parametrize(
    ("speedup", "most"), [(1.30, 3), (1.01, 3), (1.05, 0)], ids=["beyond chance", "no finalist at all", "none wanted"]
)
def test_nothing_is_run_where_it_would_tell_nothing(rules, folder, speedup: float, most: int) -> None:
    runner = runner_of(rules, speedup)
    assert second_look(runner, folder, [looked_faster(1, speedup)], NOISE, LEAST, most) == SecondLook()
    assert runner.fresh.clock.runs == 0


def test_hardly_a_gain_of_five_percent_is_lost_and_most_luck_is_found_out(rules: ModuleType) -> None:
    def stays(machine, gain: float, seed: int) -> bool:
        clock = rules.Clock(machine, np.random.default_rng([seed, 5]), None)
        model = rules.Model(clock, np.array([1.0]))
        noise = measure_noise(model, Ask(1e6), rules.AllRight(), 6, ConfirmConfig(), "run").noise.spread
        return still_faster([math.log(clock.run() / clock.run(1 + gain)) for _ in range(PAIRS)], noise, LEAST)

    quiet, desktop = rules.QUIET, next(m for m in rules.MACHINES if m.name == "desktop")
    assert sum(stays(quiet, 0.05, seed) for seed in range(300)) >= 0.95 * 300
    assert sum(stays(quiet, 0.0, seed) for seed in range(300)) <= 0.05 * 300
    assert sum(stays(desktop, 0.10, seed) for seed in range(300)) >= 0.95 * 300
