"""Is this time step stable? Judged from sampled voltages, because a raster alone can look right by luck.

Backward Euler stays finite at almost any dt (HH cells at dt = 1 ms, and wrong), so finiteness alone proves nothing.
"""

from __future__ import annotations

from typing import Any

LOWEST_MV, HIGHEST_MV = -250.0, 250.0  # beyond any reversal potential; an instability passes it within a few steps
RINGING_STEPS = 20  # so many steps in a row with alternating slope are no signal of a membrane


def instability(voltages: list[dict[str, Any]]) -> str:
    """Why the run is unstable, or an empty string; `voltages` are the summaries of all ranks (agent/voltages.py)."""
    for rank, sample in enumerate(voltages):
        if not sample:
            continue
        if not sample["finite"]:
            return f"rank {rank}: a voltage is not finite"
        if sample["lowest_mv"] < LOWEST_MV or sample["highest_mv"] > HIGHEST_MV:
            return f"rank {rank}: voltages from {sample['lowest_mv']:.0f} to {sample['highest_mv']:.0f} mV"
        if sample["longest_ringing_steps"] > RINGING_STEPS:
            return f"rank {rank}: the voltage alternates at {sample['longest_ringing_steps']} steps in a row"
    return ""
