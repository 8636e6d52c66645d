"""The baseline against itself: does the model reproduce its own raster, and how large is the error of its own dt?

A tuner compares everything with the baseline, so a baseline that changes by itself proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autotune.config import AcceptConfig
from autotune.errors import BaselineError
from autotune.launch.run import FreshRunner, RunFailed
from autotune.observe import SAMPLED_SEGMENTS, Observation, voltage_digests
from autotune.raster import Raster
from autotune.raster.metrics import distance, first_divergence_ms, identical, match


@dataclass(frozen=True)
class Calibration:
    """What repeated runs of the user's own settings say."""

    repeat_run_s: float
    """The run section of the second baseline run, seconds."""
    half_dt_distance: float | None = None
    """Raster distance between the user's dt and half of it; None when dt is not searched."""
    half_dt_shift_ms: float | None = None
    """The largest shift of a matched spike between the two: the error that the user already lives with."""
    note: str = ""


def calibrate(
    runner: FreshRunner, observation: Observation, baseline: Raster, limits: AcceptConfig, *, search_dt: bool
) -> Calibration:
    """Run the baseline once more, and at dt/2 when dt is to be searched.

    Raises BaselineError when two runs of the same command give different rasters.
    """
    try:
        repeat = runner.run(voltages=SAMPLED_SEGMENTS)
        half = runner.run({"dt": observation.facts.dt_ms / 2}) if search_dt else None
    except RunFailed as failure:
        raise BaselineError(
            f"the model ran once with its own settings and then failed: {failure.message}",
            cure=failure.cure,
            details=failure.details,
        ) from failure
    same = identical(baseline, repeat.raster) and voltage_digests(repeat) == observation.voltage_digests
    if not same:
        when = first_divergence_ms(baseline, repeat.raster)
        raise BaselineError(
            "the model does not reproduce itself: two runs of the same command gave different results"
            + (f", from t = {when:g} ms on" if when is not None else " (the sampled voltages differ)"),
            cure="Seed its random numbers by a fixed number, not by the time, the process or the rank, and try again.",
        )
    if half is None:
        return Calibration(repeat.run_s)
    apart = distance(baseline, half.raster, limits.window_ms)
    shifts = np.abs(match(baseline, half.raster, limits.window_ms).shifts_ms)
    largest = float(shifts.max()) if shifts.size else None
    return Calibration(repeat.run_s, apart, largest, _convergence_note(observation, apart, limits))


def _convergence_note(observation: Observation, apart: float, limits: AcceptConfig) -> str:
    if apart <= limits.unmatched:
        return ""
    return (
        f"your own dt = {observation.facts.dt_ms:g} ms is not converged: at half of it {apart:.1%} of the spikes "
        f"do not match within {limits.window_ms:g} ms"
    )
