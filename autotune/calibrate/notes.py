"""What the calibration has to say of the user's own dt, in sentences."""

from __future__ import annotations

from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.verify.band import NullBand
from autotune.verify.stability import EXPECTED_ORDER

FIXED_DT = "your model sets dt itself after finitialize: no other step can be tried"


def regular_notes(
    apart: float, order: float | None, error_ms: float | None, dt_ms: float, limits: AcceptConfig
) -> list[str]:
    """Of a regular network: `apart` is the raster distance between the user's dt and a quarter of it."""
    notes = []
    if apart > limits.unmatched:
        notes.append(
            f"your own dt = {dt_ms:g} ms is not converged: at a quarter of it {apart:.1%} of the spikes "
            f"do not match within {limits.window_ms:g} ms"
        )
    if order is not None and order < limits.least_order and (error_ms or 0.0) > limits.floor_ms:
        notes.append(
            f"halving your dt = {dt_ms:g} ms does not halve its error (order {order:.1f}, expected "
            f"{EXPECTED_ORDER:.0f}): it is outside the range in which a step can be trusted"
        )
    return notes


def chaotic_notes(band: NullBand | None, quarter: Raster, dt_ms: float, limits: AcceptConfig) -> list[str]:
    """Of a chaotic network: whether its statistics at a quarter of dt are those at dt."""
    if band is None:
        return [f"{too_few(limits)}: nothing but an identical raster is accepted"]
    worst = band.worst(quarter)
    if worst.excess <= 1:
        return []
    return [f"your own dt = {dt_ms:g} ms is not converged: at a quarter of it {worst.text()}"]


def too_few(limits: AcceptConfig) -> str:
    """Why nothing can be said by statistics."""
    return (
        f"the run is too short for statistics (fewer than {limits.least_spikes} spikes, or a rate that varies by "
        f"more than {limits.resolution:.0%})"
    )
