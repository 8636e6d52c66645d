"""The second slot of a spike source, `NetCon.record(callable)`: it captures beside vectors of the user in the first.

The callable is `bytearray.extend` of NEURON's own variable t, so that no line of Python runs: 0.1 µs a spike, or 0.6 µs
with thousands of sources, whose buffers are not in the cache. A hoc statement in its place is parsed at every spike (3
to 7 µs), a Python function takes 1.5 µs. With several threads the statement is used all the same, because a callable
would wait for the interpreter that the main thread holds while it waits for its threads.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any, List, Optional, Tuple

import numpy as np

from .simulator import Simulator
from .vectors import floats

# NEURON 8.2 waits for ever if a source dies that holds the last reference to its callable; the list keeps another one.
_PROCEDURES = """
objref autotune_callables, autotune_times, autotune_ids
proc autotune_record() { $o1.record($o2)  autotune_callables.append($o2) }
proc autotune_spike() { autotune_times.append(t)  autotune_ids.append($1) }
"""


class SecondSlot:
    """Spikes of the sources given to record(), until clear()."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._clock = _clock(sim)
        self._buffers: List[Tuple[int, bytearray]] = []  # source and its spike times, 8 bytes each
        self._times = sim.h.Vector()  # filled by the statement
        self._ids = sim.h.Vector()
        if not hasattr(sim.h, "autotune_record"):
            sim.h(_PROCEDURES)
        sim.h.autotune_times, sim.h.autotune_ids = self._times, self._ids

    @property
    def vectors(self) -> List[Any]:
        """Vectors of ours that hold spikes."""
        return [self._times, self._ids]

    def clear(self) -> None:
        """Forget all spikes and sources; the caller records every source anew (a new callable replaces the old one)."""
        self._buffers = []
        self._times.resize(0)
        self._ids.resize(0)
        self._sim.h.autotune_callables = self._sim.h.List()

    def record(self, netcon: Any, source: int) -> None:
        """Capture the source of `netcon` under the id `source`."""
        if self._clock is None or int(self._sim.pc.nthread()) > 1:
            netcon.record("autotune_spike(%d)" % source)
            return
        times = bytearray()
        self._buffers.append((source, times))
        self._sim.h.autotune_record(netcon, (times.extend, (self._clock,)))

    def take(self) -> Tuple[np.ndarray, np.ndarray]:
        """Source ids (n,) int64 and spike times in ms (n,), unsorted."""
        sizes = [len(times) // 8 for _, times in self._buffers]
        ids = np.repeat(np.array([source for source, _ in self._buffers], dtype=np.int64), sizes)
        times = np.frombuffer(b"".join(times for _, times in self._buffers))
        late_ids = np.rint(floats(self._ids)).astype(np.int64)
        return np.concatenate([ids, late_ids]), np.concatenate([times, floats(self._times)])

    def __len__(self) -> int:
        return sum(len(times) for _, times in self._buffers) // 8 + int(self._times.size())


def _clock(sim: Simulator) -> Optional[ctypes.c_double]:
    """NEURON's variable t in memory, which holds the time of the spike while its callable runs; None if not found."""
    try:
        library = ctypes.CDLL(getattr(sys.modules.get("neuron.hoc") or sys.modules.get("hoc"), "__file__", None))
        clock = ctypes.c_double.in_dll(library, "t")
    except (OSError, ValueError):
        return None
    return clock if clock.value == float(sim.h.t) else None
