"""Is this time step stable? Judged from sampled voltages, because a raster alone can look right by luck.

Backward Euler stays finite at almost any dt (HH cells at dt = 1 ms, and wrong), so finiteness alone proves nothing.
"""

from __future__ import annotations

import math
from typing import Any

from autotune.config import AcceptConfig
from autotune.raster import Raster

EXPECTED_ORDER = 1.0  # of NEURON's default method, backward Euler
LEAST_ORDER = 0.5  # below this, halving dt leaves more than 0.7 of the error


def instability(voltages: list[dict[str, Any]], limits: AcceptConfig) -> str:
    """Why the run is unstable, or an empty string; `voltages` are the summaries of all ranks (agent/voltages.py)."""
    for rank, sample in enumerate(voltages):
        if not sample:
            continue
        if not sample["finite"]:
            return f"rank {rank}: a voltage is not finite"
        if sample["lowest_mv"] < limits.lowest_mv or sample["highest_mv"] > limits.highest_mv:
            return f"rank {rank}: voltages from {sample['lowest_mv']:.0f} to {sample['highest_mv']:.0f} mV"
        if sample["longest_ringing_steps"] > limits.ringing_steps:
            return f"rank {rank}: the voltage alternates at {sample['longest_ringing_steps']} steps in a row"
    return ""


def convergence_order(coarse_error: float, fine_error: float) -> float | None:
    """The order p of a method from its change between dt and dt/2 and between dt/2 and dt/4: log2 of their ratio
    (Richardson). None when one of them is 0.
    """
    return math.log2(coarse_error / fine_error) if coarse_error > 0 and fine_error > 0 else None


def silenced(before: Raster, after: Raster) -> int:
    """How many cells fire in `before` and never in `after`: spikes that vanish are the mark of a step too large."""
    return len(set(before.gid_set.tolist()) - set(after.gid_set.tolist()))
