"""Voltages of a few segments, sampled at every step, from which the driver judges whether a time step is stable.

Backward Euler stays finite at almost any dt, so finiteness alone proves nothing: the range and a slope that changes
sign at every step (the ringing of Crank–Nicolson) are summed up too.
"""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List

import numpy as np

from .simulator import Simulator
from .vectors import floats

RINGING_MV = 0.05  # alternations smaller than this are round-off
SEGMENTS_A_SAMPLE = 16  # recording one costs a sixth of what integrating one does: with one of 16 it stays below 1 %
LEAST_SAMPLES = 4  # also of a tiny model, where that costs more


class VoltageSample:
    """Records `v` in the middle of a bounded number of sections of this rank."""

    def __init__(self, sim: Simulator, most: int) -> None:
        self._sim = sim
        self._most = most
        self._vectors: List[Any] = []

    def attach(self) -> None:
        """Choose sections evenly and record them; call it inside finitialize, before the recorders are initialised."""
        sections = list(self._sim.h.allsec())
        segments = sum(section.nseg for section in sections)
        most = min(self._most, len(sections), max(LEAST_SAMPLES, segments // SEGMENTS_A_SAMPLE))
        self._vectors = []
        for index in np.linspace(0, len(sections) - 1, most).astype(int):
            vector = self._sim.h.Vector()
            vector.record(sections[index](0.5)._ref_v)
            self._vectors.append(vector)

    def summary(self) -> Dict[str, Any]:
        """A digest of all samples, extremes in mV, whether all values are finite, and the longest run of steps with
        alternating slope; empty without samples.
        """
        traces = [trace for trace in (floats(vector) for vector in self._vectors) if trace.size]
        if not traces:
            return {}
        finite = all(bool(np.isfinite(trace).all()) for trace in traces)
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(trace).tobytes() for trace in traces)).hexdigest()
        return {
            "digest": digest,
            "segments": len(traces),
            "steps": max(len(trace) for trace in traces),
            "finite": finite,
            "lowest_mv": float(min(np.nanmin(np.where(np.isfinite(t), t, np.nan), initial=np.inf) for t in traces)),
            "highest_mv": float(max(np.nanmax(np.where(np.isfinite(t), t, np.nan), initial=-np.inf) for t in traces)),
            "longest_ringing_steps": max(longest_ringing(trace) for trace in traces),
        }


def longest_ringing(trace_mv: np.ndarray) -> int:
    """The longest run of consecutive steps at which the slope changes sign by more than RINGING_MV; `trace_mv` has
    shape (steps,).
    """
    slope = np.diff(trace_mv)
    alternates = (slope[1:] * slope[:-1] < 0) & (np.minimum(np.abs(slope[1:]), np.abs(slope[:-1])) > RINGING_MV)
    if not alternates.any():
        return 0
    edges = np.flatnonzero(np.diff(np.concatenate(([0], alternates.astype(int), [0]))))
    return int((edges[1::2] - edges[::2]).max())


def perturb(sim: Simulator, mv: float, seed: int) -> int:
    """Move `v` of every segment of this rank by plus or minus `mv`; returns how many there are.

    Call it in a type-1 handler: `v` and the states are set by then, and CVODE has not taken them over yet (in a type-2
    handler it would ignore the change).
    """
    signs = np.random.RandomState([seed, sim.rank])
    count = 0
    for section in sim.h.allsec():
        for segment in section:
            segment.v += mv if signs.randint(2) else -mv
            count += 1
    return count
