"""The step: finer or coarser than the model's own error asks for, and fixed or variable."""

from __future__ import annotations

from collections.abc import Iterator

from autotune.profile.advice.kind import Advice, Known
from autotune.profile.profile import RUN

FINE_MS = 0.01
"""An error of the model's own dt below this leaves room for a larger one."""
EVENTS_A_MS = 50.0
"""Above so many events a ms on a rank, the variable step of CVODE starts anew all the time."""
QUIET_EVENTS_A_MS, QUIET_HZ, QUIET_MS = 0.02, 2.0, 500.0
"""Below so many events a ms and spikes a second of a cell, in a run of so many ms, it takes long steps in between."""


def advice(known: Known) -> Iterator[Advice]:
    """What the runs with finer steps have shown, in a study; and events under CVODE."""
    facts, calibration = known.observation.facts, known.calibration
    fixed_dt = facts.cvode or (calibration is not None and calibration.dt_is_fixed)
    coarse = [note for note in calibration.note.split("; ") if "not converged" in note] if calibration else []
    if coarse:
        what = "tolerance" if facts.cvode else "dt"
        yield Advice(f"{what} too coarse", f"Try a smaller {what}: your own is not converged.", "; ".join(coarse))
    elif calibration is not None and not fixed_dt and _is_fine(calibration.own_error_ms):
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
    elif _is_quiet(known, rate):
        yield Advice(
            "variable step",
            "Try the variable step: it takes long steps where nothing happens.",
            f"{facts.t_stop_ms:,.0f} ms by steps of {facts.dt_ms:g} ms, with {rate:.2g} events a ms and "
            f"{_spikes(known):,} spikes of {facts.membranes:,} cells",
            "cvode.active(1)" if known.hoc else "h.cvode_active(1)",
        )


def _is_quiet(known: Known, events_a_ms: float) -> bool:
    facts = known.observation.facts
    if facts.cvode or facts.ranks > 1 or facts.threads > 1 or facts.t_stop_ms < QUIET_MS or not facts.membranes:
        return False
    hz = 1000.0 * _spikes(known) / facts.membranes / facts.t_stop_ms
    return facts.queue_events is not None and events_a_ms < QUIET_EVENTS_A_MS and hz < QUIET_HZ


def _spikes(known: Known) -> int:
    return sum(rank.spikes for rank in known.profile.ranks)


def _is_fine(error_ms: float | None) -> bool:
    return error_ms is not None and error_ms < FINE_MS
