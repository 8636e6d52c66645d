"""Voltages of a few segments, sampled at every step, from which the driver judges whether a time step is stable.

Backward Euler stays finite at almost any dt, so finiteness alone proves nothing: the range and a slope that changes
sign at every step (the ringing of Crank–Nicolson) are summed up too. What is too far is the driver's to say.
"""

from __future__ import annotations

import hashlib
from ctypes import c_int, c_void_p, sizeof
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from .library import instance_of
from .protocol import Sampling
from .simulator import Simulator
from .vectors import floats

WORDS_OF_NETCVODE = 24  # at least (netcvode.h), and the two that are looked for are among them


class VoltageSample:
    """Records `v` in the middle of at most `most` sections of this rank."""

    def __init__(self, sim: Simulator, most: int, sampling: Sampling) -> None:
        self._sim = sim
        self._most = most
        self._sampling = sampling
        self._vectors: List[Any] = []
        library = sim.library
        self._netcvode = library.variable("net_cvode_instance", c_void_p)
        two = (c_void_p, c_void_p)
        self._recorder_of = library.function("_ZN8NetCvode12playrec_usesEPv", gives=c_void_p, takes=two)
        self._take_out = library.function("_ZN8NetCvode14playrec_removeEP10PlayRecord", takes=two)
        self._add = library.function("_ZN10PlayRecord10record_addEP5Cvode", takes=two)
        self._list = library.function("_Z22net_cvode_instance_prlv", gives=c_void_p)
        self.complaint = ""

    @property
    def vectors(self) -> List[Any]:
        """Vectors of ours that record."""
        return list(self._vectors)

    def attach(self) -> None:
        """Choose sections evenly and record them; call it inside finitialize, before the recorders are initialised."""
        sections = list(self._sim.h.allsec())
        segments = sum(section.nseg for section in sections)
        wanted = max(self._sampling.least, segments // self._sampling.segments_a_sample)
        most = min(self._most, len(sections), wanted)
        self._vectors = []
        for index in np.linspace(0, len(sections) - 1, most).astype(int):
            vector = self._sim.h.Vector()
            vector.record(sections[index](0.5)._ref_v)
            self._vectors.append(vector)

    def begin(self, others: Sequence[Any] = ()) -> None:
        """finitialize has ended. NEURON goes on to record, but a SaveState of the model shall not hold our recorders.

        They are in two lists, of what exists and of what is to be done at each step; here they leave the first. CVODE
        has a list of its own, which `cvode.re_init()` makes anew when the first has changed since: so the mark of that
        is put back.
        """
        vectors = [*self._vectors, *others]  # others of ours that record
        if vectors and None in (self._netcvode, self._recorder_of, self._take_out, self._add):
            self.complaint = "a SaveState holds the recorders of %d sampled voltages" % len(vectors)
            return
        changes = self._change_count()
        before = changes.value if changes is not None else 0
        for vector in vectors:
            recorder = self._recorder_of(self._netcvode, instance_of(vector))
            if recorder:
                self._take_out(self._netcvode, recorder)
                if not int(self._sim.cvode.active()):
                    self._add(recorder, None)
        if changes is not None and before and changes.value == 0:
            changes.value = before

    def _change_count(self) -> Optional[c_int]:
        """Where NEURON keeps the state of the model for which the lists were made (playrec_change_cnt_), right before
        the address of the first one; None where that is not found once. Each removal sets it to 0.
        """
        listed = self._list() if self._list is not None else None
        words = list((c_void_p * WORDS_OF_NETCVODE).from_address(self._netcvode.value)) if listed else []
        if words.count(listed) != 1:
            return None
        return c_int.from_address(self._netcvode.value + words.index(listed) * sizeof(c_void_p) - sizeof(c_int))

    def summary(self) -> Dict[str, Any]:
        """A digest of all samples, extremes in mV, whether all values are finite, and how far the voltage rings; empty
        without samples.
        """
        traces = [trace for trace in (floats(vector) for vector in self._vectors) if trace.size]
        if not traces:
            return {}
        values = np.concatenate(traces)
        finite = bool(np.isfinite(values).all())
        usable = values if finite else values[np.isfinite(values)]
        return {
            "digest": hashlib.sha256(values.tobytes()).hexdigest(),
            "segments": len(traces),
            "steps": max(len(trace) for trace in traces),
            "finite": finite,
            "lowest_mv": float(usable.min(initial=np.inf)),
            "highest_mv": float(usable.max(initial=-np.inf)),
            "ringing_mv": max(ringing_mv(trace, self._sampling.ringing_steps) for trace in traces) if finite else 0.0,
        }


def ringing_mv(trace_mv: np.ndarray, steps: int) -> float:
    """How far the voltage goes to and fro where its slope changes sign at more than `steps` steps in a row.

    That is the largest size, in mV, which every one of steps + 1 changes in a row has; 0 where there are never so many.
    So a swing that dies away soon is small, and one that goes on is as large as it is. `trace_mv` has shape (n,).
    """
    slope = np.diff(trace_mv)
    turns = np.flatnonzero(slope[1:] * slope[:-1] < 0)
    if len(turns) <= steps:
        return 0.0
    size = np.minimum(np.abs(slope[turns]), np.abs(slope[turns + 1]))
    in_a_row = turns[steps:] - turns[:-steps] == steps
    return float(np.where(in_a_row, _least_of(size, steps + 1), 0.0).max())


def _least_of(values: np.ndarray, width: int) -> np.ndarray:
    """The least of each `width` values in a row; there must be so many."""
    done = 1
    while done < width:  # from that of fewer
        hop = min(done, width - done)
        values = np.minimum(values[hop:], values[:-hop])
        done += hop
    return values


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
