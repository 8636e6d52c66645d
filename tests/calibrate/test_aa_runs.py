"""A/A runs: those that were made for something else count, and no more are made than are missing."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from autotune.calibrate.noise import measure_noise
from autotune.config import ConfirmConfig
from autotune.launch.ask import Ask
from autotune.session.proof import Proof


@pytest.mark.parametrize(
    ("before", "made"),
    [
        ((), 6),
        (((5.0, 5.1, 5.0), (5.05,)), 3),  # the last row goes on
        (((5.0, 5.1, 5.0), (5.05,), ()), 4),  # something else came after it
        (((5.0, 5.1, 5.0, 5.2, 5.1, 5.0), ()), 0),
    ],
)
def test_only_the_pairs_of_neighbours_that_are_missing_are_run(rules: ModuleType, before, made) -> None:
    clock = rules.Clock(rules.QUIET, np.random.default_rng(1))
    model = rules.Model(clock, np.array([1.0]))
    record = measure_noise(model, Ask(1e6), rules.AllRight(), 6, ConfirmConfig(), "run", before)
    assert clock.runs == made
    assert record.noise.pairs == 5
    assert len(record.times_s) == made + sum(map(len, before))


def test_runs_of_the_users_own_settings_are_neighbours_where_nothing_was_run_between(rules: ModuleType) -> None:
    model = rules.Model(rules.Clock(rules.QUIET, np.random.default_rng(1)), np.array([1.0, 1.0]))

    class Pool:
        def session(self, group, how):
            return model

    proof = Proof(Pool(), rules.verifier(2).space, model.raster, 60.0, how=object())  # type: ignore[arg-type]
    own = Ask(60.0, stop_ms=0.5)
    other = own.setting({rules.KNOB: 1})
    proof._references[proof.group({})] = None
    runs = [proof._run(proof.group({}), ask) for ask in (own, own.within(9.0), other, own, Ask(60.0), own, own)]
    times = [run.run_s for run in runs]
    assert proof.own_rows(own) == (tuple(times[:2]), (times[3],), tuple(times[5:]))
    assert proof.own_rows(Ask(60.0)) == ((times[4],), ())
