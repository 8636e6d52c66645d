"""A baseline that changes its speed for good is told from drift and bursts, on the simulated clock."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np

from autotune.measure.lasting import FEWEST, lasting_change

RUNS, CHANGED = 60, 25


def times(rules: ModuleType, machine: str, seed: int, load: float) -> list[float]:
    found = next(each for each in rules.MACHINES if each.name == machine)
    clock = rules.Clock(replace(found, load=load), np.random.default_rng(seed), CHANGED)
    return [clock.run() for _ in range(RUNS)]


def test_a_load_that_stays_is_found_with_its_size_and_place(rules: ModuleType) -> None:
    for machine in ("quiet node", "desktop", "heavy tails"):
        found = [lasting_change(times(rules, machine, seed, np.log(1.5))) for seed in range(40)]
        seen = [change for change in found if change is not None]
        assert len(seen) >= 35, machine
        assert abs(np.median([change.factor for change in seen]) - 1.5) < 0.1
        assert abs(np.median([change.at for change in seen]) - CHANGED) <= 3


def test_drift_bursts_and_heavy_tails_are_no_change(rules: ModuleType) -> None:
    for machine in rules.MACHINES:
        assert sum(lasting_change(times(rules, machine.name, seed, 0.0)) is not None for seed in range(50)) <= 1


def test_what_goes_away_again_has_not_lasted() -> None:
    row = [1.0, 1.01, 0.99] * 5
    assert lasting_change([*row, *[1.5, 1.51, 1.49] * 5]) is not None
    assert lasting_change([*row, *[1.5, 1.51, 1.49] * 5, *row]) is None
    assert lasting_change([*row[:FEWEST], *[1.5] * (FEWEST - 1)]) is None
