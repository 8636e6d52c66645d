"""A voltage that goes up and down at every step is told from every voltage that a membrane can have."""

from __future__ import annotations

import numpy as np
import pytest

from autotune.agent.voltages import ringing_mv

STEPS = np.arange(200)
TO_AND_FRO = (-1.0) ** STEPS


@pytest.mark.parametrize(
    "trace",
    [
        np.zeros(200),
        np.linspace(-65, 40, 200),
        -65 + 100 * np.exp(-(((STEPS - 50) / 4) ** 2)),  # a spike
        -65 + 20 * np.sin(STEPS / 5),
        np.where(STEPS < 15, -65 + 5 * TO_AND_FRO, -65),  # too short
        np.array([]),
        np.array([-65.0]),
    ],
    ids=["flat", "ramp", "spike", "sine", "fifteen steps", "empty", "one step"],
)
def test_a_membrane_turns_round_now_and_then_but_does_not_ring(trace):
    assert ringing_mv(trace, 20) == 0


@pytest.mark.parametrize("mv", [1e-9, 0.03, 5.0])
def test_ringing_is_as_large_as_the_change_from_step_to_step(mv):
    assert ringing_mv(-65 + mv / 2 * TO_AND_FRO, 20) == pytest.approx(mv, rel=1e-4)


@pytest.mark.parametrize("steps", [2, 3, 20, 31, 64])
def test_it_must_go_on_for_more_steps_than_the_limit(steps):
    turns = np.full(200, -65.0)
    turns[50 : 50 + steps] += TO_AND_FRO[:steps]  # it turns round at each of these
    assert ringing_mv(turns, steps) == 0
    turns[50 + steps] += TO_AND_FRO[steps]
    assert ringing_mv(turns, steps) == pytest.approx(1.0)


def test_the_larger_of_two_stretches_counts():
    trace = np.full(200, -65.0)
    trace[20:60] += 0.1 * TO_AND_FRO[:40]
    trace[100:140] += 3 * TO_AND_FRO[:40]
    assert ringing_mv(trace, 20) == pytest.approx(6.0)


def test_a_swing_that_dies_away_soon_is_small_and_one_that_lasts_is_large():
    slow, fast = (-65 + 10 * (-decay) ** STEPS for decay in (0.97, 0.5))
    assert ringing_mv(slow, 20) > 5
    assert ringing_mv(fast, 20) < 1e-4
