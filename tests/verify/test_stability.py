"""Is a step stable? Judged from summaries of sampled voltages, made by real runs and by hand."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from autotune.agent.knobs import NUMERICAL, ROUND_OFF
from autotune.agent.protocol import Sampling
from autotune.config import AcceptConfig
from autotune.launch.ask import Ask
from autotune.raster import Raster
from autotune.session.session import Session
from autotune.verify.stability import bounds, convergence_order, instability, not_finite, own_instability, silenced

GOOD = {"finite": True, "lowest_mv": -80.0, "highest_mv": 40.0, "ringing_mv": 0.0}
LIMITS = AcceptConfig()


def test_what_a_membrane_does_is_stable() -> None:
    assert instability([GOOD, {}], bounds((), LIMITS)) == ""
    assert own_instability([GOOD, {}], LIMITS) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"finite": False}, "rank 1: a voltage is not finite"),
        ({"highest_mv": 400.0}, "rank 1: voltages from -80 to 400 mV"),
        ({"lowest_mv": -400.0}, "rank 1: voltages from -400 to 40 mV"),
        ({"ringing_mv": 0.06}, "rank 1: the voltage alternates by 0.06 mV from step to step, at most 0.05 mV"),
    ],
)
def test_what_no_membrane_does_is_not(change, why) -> None:
    assert why in instability([GOOD, {**GOOD, **change}], bounds([GOOD, {}], LIMITS))


def test_the_limits_are_the_users() -> None:
    limits = AcceptConfig(highest_mv=30.0, ringing_mv=1.0)
    assert "voltages" in instability([GOOD], bounds((), limits))
    assert instability([{**GOOD, "highest_mv": 0.0, "ringing_mv": 0.9}], bounds((), limits)) == ""
    assert "alternates" in instability([{**GOOD, "highest_mv": 0.0, "ringing_mv": 1.1}], bounds((), limits))


def test_what_the_own_run_does_a_trial_may_do_and_not_much_more() -> None:
    own = [GOOD, {**GOOD, "lowest_mv": -300.0, "highest_mv": 100.0, "ringing_mv": 3.0}, {}]
    allowed = bounds(own, LIMITS)
    assert (allowed.lowest_mv, allowed.highest_mv, allowed.ringing_mv) == (-340.0, 250.0, 6.0)
    assert instability(own, allowed) == ""
    assert "from -350 to 40 mV" in instability([{**GOOD, "lowest_mv": -350.0}], allowed)
    assert "alternates by 7 mV" in instability([{**GOOD, "ringing_mv": 7.0}], allowed)
    strict = bounds(own, AcceptConfig(range_margin=0.0, ringing_factor=1.0))
    assert (strict.lowest_mv, strict.ringing_mv) == (-300.0, 3.0)
    assert "trials may go from -340 to 250 mV and alternate by 6 mV" in own_instability(own, LIMITS)[0]


def test_a_voltage_that_is_not_finite_is_no_yardstick() -> None:
    broken = {**GOOD, "finite": False, "lowest_mv": -1e9}
    assert bounds([broken], LIMITS) == bounds((), LIMITS)
    assert not_finite([GOOD, broken]) == "rank 1: a voltage is not finite"


def test_crank_nicolson_rings_at_a_large_dt_and_backward_euler_does_not(bench) -> None:
    ringing = bench("ringing")
    euler, crank = ringing.run(dt=0.1), ringing.run(secondorder=2, dt=0.1)
    assert euler.reports[0].voltage["ringing_mv"] == 0
    assert crank.reports[0].voltage["ringing_mv"] > 1
    assert ringing.acceptance.judge(crank, NUMERICAL).verdict == "unstable"
    assert "alternates" not in ringing.acceptance.judge(crank, ROUND_OFF).reason


def test_how_long_ringing_must_last_is_told_to_the_agent(bench) -> None:
    ringing = bench("ringing")
    runner = replace(ringing.runner, sampling=Sampling(ringing_steps=10_000))
    takeover = ringing.observation.takeover
    session = Session(runner, {}, replace(takeover, ways=takeover.ways[:1]), 1)
    with closing(session):
        for crank in (each.run(Ask(60, {"secondorder": 2, "dt": 0.1}, voltages=8)) for each in (runner, session)):
            assert crank.effective["secondorder"] == 2
            assert crank.reports[0].voltage["ringing_mv"] == 0


def test_a_model_that_rings_by_itself_is_told_so_and_its_trials_may_ring_as_much(bench) -> None:
    rings = bench("rings by itself")
    own = rings.observation.voltages[0]["ringing_mv"]
    assert own > 1
    assert "your own run would be called unstable" in rings.calibration.note
    assert rings.acceptance.judge(rings.run(), NUMERICAL).verdict == "accepted"
    assert rings.acceptance.judge(rings.run(dt=0.05), NUMERICAL).verdict == "accepted"
    worse = [{**rings.observation.voltages[0], "ringing_mv": 3 * own}]
    assert "alternates" in instability(worse, bounds(rings.observation.voltages, LIMITS))


def test_the_number_of_sampled_segments_is_bounded_by_the_size_of_the_model(bench) -> None:
    def sampled(name: str, **sampling: int) -> int:
        runner = replace(bench(name).runner, sampling=Sampling(**sampling))
        return runner.run(Ask(60, voltages=8)).reports[0].voltage["segments"]

    assert sampled("ring") == 2
    assert sampled("ring", least=3) == 3
    assert sampled("balanced") == 400 // 128
    assert sampled("balanced", segments_a_sample=10) == 8


@pytest.mark.parametrize(
    ("coarse", "fine", "order"), [(2.0, 1.0, 1.0), (4.0, 1.0, 2.0), (1.0, 1.0, 0.0), (0.0, 1.0, None)]
)
def test_the_order_is_the_logarithm_of_the_ratio_of_changes(coarse, fine, order) -> None:
    assert convergence_order(coarse, fine) == order


def test_cells_that_fall_silent_are_counted() -> None:
    before, after = Raster.from_arrays([1, 2, 3], [1.0, 2.0, 3.0]), Raster.from_arrays([2, 4], [1.0, 2.0])
    assert silenced(before, after) == 2
