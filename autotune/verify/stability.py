"""Is this time step stable? Judged from sampled voltages, because a raster alone can look right by luck.

Backward Euler stays finite at almost any dt (HH cells at dt = 1 ms, and wrong), so finiteness alone proves nothing. The
user's own run is the yardstick here too: what it does by itself is no fault of a trial.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from autotune.agent.knobs import NUMERICAL
from autotune.config import AcceptConfig
from autotune.raster import Raster

EXPECTED_ORDER = 1.0  # of NEURON's default method, backward Euler
Summaries = Sequence[dict[str, Any]]
"""What the sampled voltages of each rank do (agent/voltages.py); empty for a rank without sections."""


@dataclass(frozen=True)
class Bounds:
    """How far a voltage may go, in mV, and how far it may alternate over many steps in a row."""

    lowest_mv: float
    highest_mv: float
    ringing_mv: float


def sampled_segments(limits: AcceptConfig, classes: Set[str], baseline: Raster) -> int:
    """Of how many segments the voltages are sampled in each run of a study that is timed, for the classes of what is
    searched: in every run or in none, so that both sides of a pair pay for it.
    """
    return limits.sampled_segments if NUMERICAL in classes or not len(baseline) else 0


def bounds(own: Summaries, limits: AcceptConfig) -> Bounds:
    """The user's limits, widened by what the user's own run does."""
    seen = [sample for sample in own if sample and sample["finite"]]
    if not seen:
        return Bounds(limits.lowest_mv, limits.highest_mv, limits.ringing_mv)
    low, high = min(sample["lowest_mv"] for sample in seen), max(sample["highest_mv"] for sample in seen)
    margin = limits.range_margin * (high - low)
    rings = limits.ringing_factor * max(sample["ringing_mv"] for sample in seen)
    return Bounds(
        min(limits.lowest_mv, low - margin), max(limits.highest_mv, high + margin), max(limits.ringing_mv, rings)
    )


def not_finite(voltages: Summaries) -> str:
    """Which rank has a voltage that is not finite, or an empty string."""
    ranks = (rank for rank, sample in enumerate(voltages) if sample and not sample["finite"])
    return next((f"rank {rank}: a voltage is not finite" for rank in ranks), "")


def instability(voltages: Summaries, allowed: Bounds) -> str:
    """Why a run at another step is unstable, or an empty string."""
    for rank, sample in enumerate(voltages):
        if not sample or not sample["finite"]:
            continue
        if sample["lowest_mv"] < allowed.lowest_mv or sample["highest_mv"] > allowed.highest_mv:
            return f"rank {rank}: voltages from {sample['lowest_mv']:.0f} to {sample['highest_mv']:.0f} mV"
        if sample["ringing_mv"] > allowed.ringing_mv:
            return (
                f"rank {rank}: the voltage alternates by {sample['ringing_mv']:.2g} mV from step to step, at most "
                f"{allowed.ringing_mv:.2g} mV is accepted"
            )
    return not_finite(voltages)


def own_instability(own: Summaries, limits: AcceptConfig) -> list[str]:
    """What the user's own run does that would be called unstable in a trial; one text each."""
    plain, allowed = bounds((), limits), bounds(own, limits)
    reason = instability(own, plain)
    if not reason:
        return []
    return [
        f"your own run would be called unstable ({reason}): trials may go from {allowed.lowest_mv:.0f} to "
        f"{allowed.highest_mv:.0f} mV and alternate by {allowed.ringing_mv:.2g} mV"
    ]


def convergence_order(coarse_error: float, fine_error: float) -> float | None:
    """The order p of a method from its change between dt and dt/2 and between dt/2 and dt/4: log2 of their ratio
    (Richardson). None when one of them is 0.
    """
    return math.log2(coarse_error / fine_error) if coarse_error > 0 and fine_error > 0 else None


def silenced(before: Raster, after: Raster) -> int:
    """How many cells fire in `before` and never in `after`: spikes that vanish are the mark of a step too large."""
    return len(set(before.gid_set.tolist()) - set(after.gid_set.tolist()))
