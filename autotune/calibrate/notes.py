"""What the calibration has to say of the user's own step, in sentences."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.verify.band import NullBand
from autotune.verify.stability import EXPECTED_ORDER

FIXED_DT = "your model sets dt itself after finitialize: no other step can be tried"
OWN_TOLERANCE = (
    "your model sets its tolerance (cvode.atol) itself after finitialize: no run at a tighter one tells its own error"
)


@dataclass(frozen=True)
class Step:
    """What the numbers of a model depend on, in words: its dt, or the tolerance of its variable step."""

    own: str
    """As the user has it,"""
    name: str
    part: str
    """and how much of it is taken for right:"""
    finest: str


TOLERANCE = Step("tolerance (cvode.atol)", "the tolerance of the variable step", "a tenth", "a tenth of your tolerance")


def fixed_step(dt_ms: float) -> Step:
    """Of a model with a fixed step."""
    return Step(f"dt = {dt_ms:g} ms", "dt", "a quarter", "dt/4")


def regular_notes(
    apart: float, order: float | None, error_ms: float | None, step: Step, limits: AcceptConfig
) -> list[str]:
    """Of a regular network: `apart` is the raster distance between the user's step and the finest."""
    notes = []
    if apart > limits.unmatched:
        notes.append(
            f"your own {step.own} is not converged: at {step.part} of it {apart:.1%} of the spikes "
            f"do not match within {limits.window_ms:g} ms"
        )
    if order is not None and order < limits.least_order and (error_ms or 0.0) > limits.floor_ms:
        notes.append(
            f"halving your {step.own} does not halve its error (order {order:.1f}, expected "
            f"{EXPECTED_ORDER:.0f}): it is outside the range in which a step can be trusted"
        )
    return notes


def chaotic_notes(band: NullBand | None, finest: Raster, step: Step, limits: AcceptConfig) -> list[str]:
    """Of a chaotic network: whether its statistics at the finest step are those at the user's own."""
    if band is None:
        return [f"{too_few(limits)}: nothing but an identical raster is accepted"]
    worst = band.worst(finest)
    if worst.excess <= 1:
        return []
    return [f"your own {step.own} is not converged: at {step.part} of it {worst.text()}"]


def too_few(limits: AcceptConfig) -> str:
    """Why nothing can be said by statistics."""
    return (
        f"the run is too short for statistics (fewer than {limits.least_spikes} spikes, or a rate that varies by "
        f"more than {limits.resolution:.0%})"
    )
