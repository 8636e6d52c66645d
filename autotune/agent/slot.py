"""The second slot of a spike source, `NetCon.record(callable)`: it captures beside vectors of the user in the first.

The callable is `bytearray.extend` of NEURON's own variable t, so that no line of Python runs: 0.1 µs a spike, or 0.6 µs
with thousands of sources, whose buffers are not in the cache. A hoc statement in its place is parsed at every spike (3
to 7 µs), a Python function takes 1.5 µs. With several threads the statement is used all the same, because a callable
would wait for the interpreter that the main thread holds while it waits for its threads.
"""

from __future__ import annotations

import ctypes
from typing import Any, List, Tuple

import numpy as np

from .library import newest_first
from .simulator import Simulator
from .vectors import floats

_RECORD = """
proc autotune_record() { $o1.record($o2.o($3)) }
"""
# Parsed at every spike, so these names must stay where hoc finds them.
_STATEMENT = """
objref autotune_times, autotune_ids
proc autotune_spike() { autotune_times.append(t)  autotune_ids.append($1) }
"""


class SecondSlot:
    """Spikes of the sources given to record(), until clear()."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        clock = sim.library.variable("t", ctypes.c_double)
        # NEURON's variable t in memory, which holds the time of the spike while its callable runs
        self._clock = clock if clock is not None and clock.value == float(sim.h.t) else None
        self._buffers: List[Tuple[int, bytearray]] = []  # source and its spike times, 8 bytes each
        # NEURON 8.2 waits for ever if a source dies that holds the last reference to its callable; the list keeps one.
        self._callables = sim.h.List()
        self._times = sim.h.Vector()  # filled by the statement
        self._ids = sim.h.Vector()
        self.visible = False
        """Whether a hoc statement had to be used, whose names the model can see."""

    @property
    def vectors(self) -> List[Any]:
        """Vectors of ours that hold spikes."""
        return [self._times, self._ids]

    def clear(self) -> None:
        """Forget all spikes and sources; the caller records every source anew (a new callable replaces the old one)."""
        self.drop()
        self._buffers = []
        self._callables.remove_all()

    def drop(self) -> None:
        """Forget all spikes so far."""
        for _, times in self._buffers:
            times.clear()
        self._times.resize(0)
        self._ids.resize(0)

    def record(self, netcon: Any, source: int) -> None:
        """Capture the source of `netcon` under the id `source`."""
        if self.needs_statement:
            netcon.record(self._statement(source))
            return
        self._append(source)
        record = self._sim.unseen.procedure("autotune_record", _RECORD)
        record(netcon, self._callables, self._callables.count() - 1)

    def record_at(self, address: int, source: int) -> None:
        """Capture the source (NEURON's PreSyn) that lies at `address`, which no NetCon has any more."""
        if self.needs_statement:
            function = self._sim.library.function(
                "_ZN6PreSyn11record_stmtEPKc", takes=(ctypes.c_void_p, ctypes.c_char_p)
            )
            function(address, self._statement(source).encode())
            return
        self._append(source)
        kind = self._sim.library.template("PythonObject")
        function = self._sim.library.function(
            "_ZN6PreSyn11record_stmtEP6Object", takes=(ctypes.c_void_p, ctypes.c_void_p)
        )
        assert kind is not None
        function(address, next(newest_first(kind))[1].element)

    def take(self) -> Tuple[np.ndarray, np.ndarray]:
        """Source ids (n,) int64 and spike times in ms (n,), unsorted."""
        sizes = [len(times) // 8 for _, times in self._buffers]
        ids = np.repeat(np.array([source for source, _ in self._buffers], dtype=np.int64), sizes)
        times = np.frombuffer(b"".join(times for _, times in self._buffers))
        late_ids = np.rint(floats(self._ids)).astype(np.int64)
        return np.concatenate([ids, late_ids]), np.concatenate([times, floats(self._times)])

    def __len__(self) -> int:
        return sum(len(times) for _, times in self._buffers) // 8 + int(self._times.size())

    def _append(self, source: int) -> None:
        times = bytearray()
        self._buffers.append((source, times))
        self._callables.append((times.extend, (self._clock,)))

    @property
    def needs_statement(self) -> bool:
        """Whether it must be a hoc statement."""
        return self._clock is None or int(self._sim.pc.nthread()) > 1

    def _statement(self, source: int) -> str:
        if not hasattr(self._sim.h, "autotune_spike"):
            self._sim.h(_STATEMENT)
        self._sim.h.autotune_times, self._sim.h.autotune_ids = self._times, self._ids
        self.visible = True
        return "autotune_spike(%d)" % source
