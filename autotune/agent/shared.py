"""Spikes read out of the vectors that the model itself records into: it costs nothing while the model runs.

Where a script says `pc.spike_record(-1, times, gids)`, CoreNEURON hands its spikes to these two vectors and to nothing
else. NEURON tells which vector holds the times, but not which holds the gids: that is the one, among all vectors that
were as long when the run began and are at its end, whose values are gids of these sources. What is not unambiguous is
an error, never a guess. Whether a script leaves these vectors alone until they are read is for a run to show that
captures beside them.
"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np

from .simulator import Simulator
from .vectors import floats

MOST_VECTORS = 100_000


class SharedVectors:
    """Spikes of the sources given to record(), until clear()."""

    def __init__(self, sim: Simulator, apart: List[Any]) -> None:
        self._sim = sim
        self._apart = apart  # vectors of ours that hold spikes, too
        self._sources: Dict[str, Tuple[Any, List[int]]] = {}  # the name of a vector of times, itself, who fills it
        self._candidates: List[Any] = []  # kept alive: a script that ends drops its vectors before we read them

    def clear(self) -> None:
        """Forget all sources."""
        self._sources, self._candidates = {}, []

    def record(self, netcon: Any, source: int) -> None:
        """Read the source of `netcon` from the vector that the model records it in."""
        times = netcon.get_recordvec()
        self._sources.setdefault(times.hname(), (times, []))[1].append(source)
        if not self._candidates:
            vectors = self._sim.h.List("Vector")
            self._candidates = [vectors.o(index) for index in range(min(int(vectors.count()), MOST_VECTORS))]

    def begin(self) -> None:
        """finitialize has emptied what is recorded: drop the vectors that hold something else."""
        lengths = {int(times.size()) for times, _ in self._sources.values()}
        self._candidates = [
            vector for vector in self._candidates if int(vector.size()) in lengths and vector not in self._apart
        ]

    def take(self) -> Tuple[np.ndarray, np.ndarray]:
        """Source ids (n,) int64 and spike times in ms (n,), unsorted. Raises ValueError when the ids cannot be told."""
        ids, times = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for vector, sources in self._sources.values():
            spikes = floats(vector)
            times.append(spikes)
            ids.append(self._ids(vector, sources, len(spikes)))
        return np.concatenate(ids), np.concatenate(times)

    def __len__(self) -> int:
        return sum(int(vector.size()) for vector, _ in self._sources.values())

    def _ids(self, times: Any, sources: List[int], spikes: int) -> np.ndarray:
        if not spikes or len(sources) == 1:
            return np.full(spikes, sources[0], dtype=np.int64)
        found: Dict[bytes, np.ndarray] = {}
        for vector in self._candidates:
            if int(vector.size()) == spikes and vector != times:
                values = floats(vector)
                if np.isin(values, sources).all():
                    found[values.tobytes()] = values
        if len(found) != 1:
            raise ValueError("%d vectors could hold the gids of the spikes that your model records" % len(found))
        (gids,) = found.values()
        return gids.astype(np.int64)
