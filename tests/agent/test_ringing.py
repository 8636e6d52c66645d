"""A voltage that goes up and down at every step is told from every voltage that a membrane can have."""

from __future__ import annotations

import numpy as np
import pytest

from autotune.agent.voltages import longest_ringing

STEPS = np.arange(200)


@pytest.mark.parametrize(
    "trace",
    [
        np.zeros(200),
        np.linspace(-65, 40, 200),
        -65 + 100 * np.exp(-(((STEPS - 50) / 4) ** 2)),  # a spike
        -65 + 20 * np.sin(STEPS / 5),
        -65 + 1e-9 * (-1.0) ** STEPS,  # round-off
        np.array([]),
        np.array([-65.0]),
    ],
    ids=["flat", "ramp", "spike", "sine", "round-off", "empty", "one step"],
)
def test_a_membrane_turns_round_now_and_then_but_does_not_ring(trace):
    assert longest_ringing(trace) <= 1


def test_the_longest_of_several_stretches_is_counted():
    trace = np.full(200, -65.0)
    trace[20:31] += 5 * (-1.0) ** np.arange(11)
    trace[100:141] += 5 * (-1.0) ** np.arange(41)
    assert 39 <= longest_ringing(trace) <= 42


def test_a_decaying_oscillation_rings_until_it_is_round_off():
    slow, fast = (-65 + 10 * (-decay) ** STEPS for decay in (0.95, 0.3))
    assert longest_ringing(slow) > 60
    assert longest_ringing(fast) < 6
