"""The first checks of a trial, on real runs of two ranks: its raster, or its voltages, against the baseline's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autotune.agent.knobs import EXACT, NUMERICAL, ROUND_OFF
from autotune.config import AcceptConfig
from autotune.launch.ask import Ask
from autotune.observe import voltage_digests
from autotune.plan.making import make_space
from autotune.raster import Raster
from autotune.verify.acceptance import Acceptance

pytestmark = pytest.mark.mpi


@pytest.fixture
def acceptance(ring):
    """`acceptance(**limits)`: what runs of the ring are compared with."""
    return lambda **limits: Acceptance(ring.baseline, ring.observation, AcceptConfig(**limits))


def moved(raster: Raster, by_ms: float, spikes: int = 1) -> Raster:
    """The raster with its last spikes before t = 80 ms moved."""
    times = raster.times_ms.copy()
    times[np.flatnonzero(times < 80)[-spikes:]] += by_ms
    return Raster.from_arrays(raster.gids, times)


@pytest.mark.parametrize("safety", [EXACT, ROUND_OFF, NUMERICAL])
def test_a_run_with_the_identical_raster_is_accepted(acceptance, ring, safety):
    judgement = acceptance().judge(ring.run, safety)
    assert (judgement.verdict, judgement.reason) == ("accepted", "")
    assert (judgement.distance, judgement.violation) == (0.0, 0.0)


def test_an_exact_knob_must_not_move_a_single_spike_by_a_single_step(acceptance, ring):
    run = replace(ring.run, raster=moved(ring.run.raster, 0.025))
    judgement = acceptance(window_ms=1.0).judge(run, EXACT)
    assert judgement.verdict == "diverged"
    assert "a knob of class exact must not move a spike: 73 spikes for 73, from t = " in judgement.reason
    assert judgement.violation > 0


def test_a_numerical_knob_may_move_spikes_within_the_window(acceptance, ring):
    run = replace(ring.run, raster=moved(ring.run.raster, 0.4, spikes=5))
    assert acceptance(window_ms=0.5).judge(run, NUMERICAL).verdict == "accepted"
    judgement = acceptance(window_ms=0.3).judge(run, NUMERICAL)
    assert judgement.verdict == "diverged"
    assert "5 spikes missed and 5 extra beyond 0.3 ms" in judgement.reason


def test_a_spike_more_or_less_is_a_difference(acceptance, ring):
    raster = ring.run.raster
    for changed in (
        Raster.from_arrays(raster.gids[1:], raster.times_ms[1:]),
        Raster.from_arrays(np.append(raster.gids, 5), np.append(raster.times_ms, 50.0)),
    ):
        for safety in (EXACT, NUMERICAL):
            assert acceptance().judge(replace(ring.run, raster=changed), safety).verdict == "diverged"


def test_a_too_large_dt_is_rejected_and_a_small_step_up_is_not(acceptance, ring):
    small, large = (ring.runner.run(Ask(60, {"dt": dt}, voltages=8)) for dt in (0.03125, 0.1))
    assert acceptance(window_ms=1.0).judge(small, NUMERICAL).verdict == "accepted"
    judgement = acceptance(window_ms=1.0).judge(large, NUMERICAL)
    assert judgement.verdict == "diverged"
    assert judgement.distance > 0.1


def test_a_run_that_stops_early_is_no_result(acceptance, ring):
    reports = tuple(replace(report, t_ms=60.0) for report in ring.run.reports)
    judgement = acceptance().judge(replace(ring.run, reports=reports), EXACT)
    assert judgement.verdict == "crashed"
    assert "stopped at t = 60 ms, the baseline at 100 ms" in judgement.reason


def test_without_spikes_the_sampled_voltages_must_be_identical(ring):
    silent = Raster.from_arrays(np.zeros(0, dtype=int), np.zeros(0))
    acceptance = Acceptance(silent, ring.observation, AcceptConfig())
    same = replace(ring.run, raster=silent)
    assert acceptance.judge(same, EXACT).verdict == "accepted"
    first, second = same.reports
    other = replace(same, reports=(first, replace(second, voltage={**second.voltage, "digest": "other"})))
    judgement = acceptance.judge(other, EXACT)
    assert judgement.verdict == "diverged"
    assert "the sampled voltages differ (no spikes to compare)" in judgement.reason
    assert "73 spikes where the baseline has none" in acceptance.judge(ring.run, EXACT).reason


def test_a_rank_without_sections_does_not_keep_the_others_from_being_verified(ring):
    first, second = ring.run.reports
    silent = Raster.from_arrays([], [])
    run = replace(ring.run, raster=silent, reports=(first, replace(second, voltage={})))
    observation = replace(ring.observation, spikes=0, voltage_digests=voltage_digests(run))
    acceptance = Acceptance(silent, observation, AcceptConfig())
    assert acceptance.judge(run, EXACT).verdict == "accepted"
    assert "nspike" in make_space(observation, ("nspike",), ()).domains
    nothing = replace(run, reports=tuple(replace(report, voltage={}) for report in run.reports))
    blind = Acceptance(silent, replace(observation, voltage_digests=voltage_digests(nothing)), AcceptConfig())
    assert blind.judge(nothing, EXACT).verdict == "diverged"
