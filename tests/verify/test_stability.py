"""Is a step stable? Judged from summaries of sampled voltages, made by real runs and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from autotune.agent.voltages import longest_ringing
from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.verify.stability import convergence_order, instability, silenced

GOOD = {"finite": True, "lowest_mv": -80.0, "highest_mv": 40.0, "longest_ringing_steps": 2}


def test_what_a_membrane_does_is_stable() -> None:
    assert instability([GOOD, {}], AcceptConfig()) == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"finite": False}, "rank 1: a voltage is not finite"),
        ({"highest_mv": 400.0}, "rank 1: voltages from -80 to 400 mV"),
        ({"lowest_mv": -400.0}, "rank 1: voltages from -400 to 40 mV"),
        ({"longest_ringing_steps": 21}, "rank 1: the voltage alternates at 21 steps in a row"),
    ],
)
def test_what_no_membrane_does_is_not(change, why) -> None:
    assert instability([GOOD, {**GOOD, **change}], AcceptConfig()) == why


def test_the_limits_are_the_users(bench) -> None:
    limits = AcceptConfig(highest_mv=30.0, ringing_steps=2)
    assert "voltages" in instability([GOOD], limits)
    assert "alternates" in instability([{**GOOD, "highest_mv": 0.0, "longest_ringing_steps": 3}], limits)


def test_crank_nicolson_rings_at_a_large_dt_and_backward_euler_does_not(bench) -> None:
    ringing = bench("ringing")
    euler, crank = ringing.run(dt=0.1), ringing.run(secondorder=2, dt=0.1)
    assert euler.reports[0].voltage["longest_ringing_steps"] < 5
    assert crank.reports[0].voltage["longest_ringing_steps"] > 20
    assert ringing.acceptance.judge(crank, "numerical").verdict == "unstable"


def test_ringing_is_a_slope_that_changes_sign_at_every_step() -> None:
    steps = np.arange(60)
    assert longest_ringing(np.where(steps % 2, -64.0, -65.0)) == 58
    assert longest_ringing(-65 + np.sin(steps / 3)) <= 1
    assert longest_ringing(np.where(steps % 2, -65.0, -65.01)) == 0


def test_the_number_of_sampled_segments_is_bounded_by_the_size_of_the_model(bench) -> None:
    assert bench("ring").run(dt=0.05).reports[0].voltage["segments"] == 4
    assert bench("balanced").run(dt=0.1).reports[0].voltage["segments"] == 8


@pytest.mark.parametrize(
    ("coarse", "fine", "order"), [(2.0, 1.0, 1.0), (4.0, 1.0, 2.0), (1.0, 1.0, 0.0), (0.0, 1.0, None)]
)
def test_the_order_is_the_logarithm_of_the_ratio_of_changes(coarse, fine, order) -> None:
    assert convergence_order(coarse, fine) == order


def test_cells_that_fall_silent_are_counted() -> None:
    before, after = Raster.from_arrays([1, 2, 3], [1.0, 2.0, 3.0]), Raster.from_arrays([2, 4], [1.0, 2.0])
    assert silenced(before, after) == 2
