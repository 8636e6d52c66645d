"""When the first and the last step of a run ended, for models that do not use `pc.psolve`; nothing lies on the queue.

NEURON calls a function, if one is set, whenever all threads have ended a step (`nrn_allthread_handle`, fadvance.cpp),
or many steps in psolve. It sets and clears that variable itself for events of the user (`CVode.event`): then the clock
has stopped, and there is no figure.
"""

from __future__ import annotations

import ctypes
import time
from array import array
from itertools import repeat
from typing import Optional

from .simulator import Simulator

_HANDLE = ctypes.CFUNCTYPE(None)


class StepClock:
    """start() at the end of finitialize, stop() when the section is over."""

    def __init__(self, sim: Simulator) -> None:
        self._t = sim.library.variable("t", ctypes.c_double)
        self._handle = sim.library.variable("nrn_allthread_handle", ctypes.c_void_p)
        self._last = array("d", [0.0])
        # No line of Python runs at a step: 0.2 µs.
        self._see = map(self._last.__setitem__, repeat(0), iter(time.perf_counter, None)).__next__
        self._at_first, self._at_others = _HANDLE(self._first_step), _HANDLE(self._see)
        self._first: Optional[float] = None
        self._first_ms = 0.0
        self._started = False
        self.saw_none = False
        """The clock went, and NEURON took no step."""

    def start(self) -> None:
        """From now on, see every step; without effect where NEURON has no such variable, or uses it."""
        self._first = None
        self._started = self._handle is not None and self._t is not None and not self._handle.value
        if self._started:
            self._handle.value = _address(self._at_first)

    def resume(self) -> None:
        """An event of ours is being executed: NEURON has cleared the variable for it, as for those of the user."""
        if self._started and not self._handle.value:
            self._handle.value = _address(self._at_first if self._first is None else self._at_others)

    def stop(self, t_start_ms: float, t_stop_ms: float) -> Optional[float]:
        """Seconds from the first step to the last, extended to the whole section; None where that was not seen.

        What a script does before and after is not in it.
        """
        started, self._started = self._started, False
        self.saw_none = started and self._first is None
        if not started or self._handle.value not in (_address(self._at_first), _address(self._at_others)):
            return None
        self._handle.value = None
        if self._first is None or self._last[0] == self._first or t_stop_ms <= self._first_ms:
            return None
        seen_ms = t_stop_ms - max(t_start_ms, self._first_ms)  # a script may set t back and settle first
        return (self._last[0] - self._first) * (t_stop_ms - t_start_ms) / seen_ms

    def _first_step(self) -> None:
        self._first = self._last[0] = time.perf_counter()
        self._first_ms = self._t.value
        self._handle.value = _address(self._at_others)


def _address(function: ctypes._FuncPointer) -> Optional[int]:
    return ctypes.cast(function, ctypes.c_void_p).value
