"""How many spikes the busiest rank sent at each exchange, on rank 0.

NEURON counts into one vector (`pc.max_histogram`). Where the model has set its own, that one is read; ours is set only
where NEURON can be asked whether there is one.
"""

from __future__ import annotations

from ctypes import c_void_p
from typing import List, Optional

import numpy as np

from .library import instance_of
from .simulator import Simulator
from .vectors import VectorMemory

SIZE = 4096


class ExchangeHistogram:
    """Counts of one section: attach() inside finitialize, counts() when it is over."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._vector = sim.h.Vector(SIZE)
        library = sim.library
        self._swap = library.function(
            "_ZN3BBS20netpar_max_histogramEP8IvocVect", gives=c_void_p, takes=(c_void_p, c_void_p)
        )
        self._memory = VectorMemory(library)
        self._theirs: Optional[int] = None
        self._before = np.zeros(0)
        self.complaint = ""
        if self._swap is None or not self._memory.known:
            self.complaint = "the exchanges of spikes were not counted: this NEURON does not say whether the model does"

    def attach(self) -> None:
        """Start counting; call it on every rank, inside finitialize."""
        if self.complaint or self._sim.rank:
            return
        ours = instance_of(self._vector)
        set_now = self._set_now()
        self._vector.fill(0)
        if set_now is None:
            self._sim.pc.max_histogram(self._vector)
        self._theirs = None if set_now in (None, ours) else set_now
        self._before = np.zeros(0) if self._theirs is None else self._memory.floats(self._theirs)

    def counts(self) -> List[int]:
        """Entry n: the exchanges in which the largest number sent by a rank was n; empty where nobody counted."""
        set_now = self._set_now() if not self.complaint and not self._sim.rank else None
        if set_now is None:
            return []
        counts = self._memory.floats(set_now)
        if set_now == self._theirs and len(self._before) == len(counts):
            counts = np.maximum(counts - self._before, 0.0)
        return [int(count) for count in np.trim_zeros(counts, "b")]

    def _set_now(self) -> Optional[int]:
        """The address of the vector that NEURON counts into; it is told only by taking it away."""
        found: Optional[int] = self._swap(None, None)
        if found is not None:
            self._swap(None, found)
        return found
