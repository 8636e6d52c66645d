"""The step: finer or coarser than the model's own error asks for, and fixed or variable."""

from __future__ import annotations

from collections.abc import Iterator

from autotune.profile.advice.kind import Advice, Known
from autotune.profile.profile import RUN

FINE_MS = 0.01
"""An error of the model's own dt below this leaves room for a larger one."""
EVENTS_A_MS = 50.0
"""Above so many events a ms on a rank, the variable step of CVODE starts anew all the time."""


def advice(known: Known) -> Iterator[Advice]:
    """What the runs at half and a quarter of the step have shown, in a study; and events under CVODE."""
    facts, calibration = known.observation.facts, known.calibration
    if calibration is not None and "not converged" in calibration.note:
        yield Advice("dt too coarse", "Try a smaller dt: your own is not converged.", calibration.note)
    elif calibration is not None and not calibration.dt_is_fixed and _is_fine(calibration.own_error_ms):
        yield Advice(
            "dt too fine",
            "Try twice the dt: yours is finer than the spikes need.",
            f"your own dt shifts the spikes by {calibration.own_error_ms:.3g} ms",
            "dt = 2 * dt" if known.hoc else "h.dt = 2 * h.dt",
            known.profile.bound(known.profile.sections[RUN] / 2),
        )
    rate = (facts.queue_events or 0) / facts.t_stop_ms if facts.t_stop_ms > 0.0 else 0.0
    if facts.cvode and rate > EVENTS_A_MS:
        yield Advice(
            "fixed step",
            "Try the fixed step: with so many events the variable step starts anew all the time.",
            f"{rate:,.0f} events a ms on the busiest rank",
            "cvode.active(0)" if known.hoc else "h.cvode_active(0)",
        )


def _is_fine(error_ms: float | None) -> bool:
    return error_ms is not None and error_ms < FINE_MS
