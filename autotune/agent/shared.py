"""Spikes read out of the vectors that the model itself records into: it costs nothing while the model runs.

Where a script says `pc.spike_record(-1, times, gids)`, CoreNEURON hands its spikes to these two vectors and to nothing
else. NEURON tells which vector holds the times, but not which holds the gids: that is the one, among all vectors that
were as long when the run began and are at its end, whose values are gids of these sources. What is not unambiguous is
an error, never a guess. Whether a script leaves these vectors alone until they are read is for a run to show that
captures beside them.
"""

from __future__ import annotations

from typing import Any, Dict, List, Set, Tuple

import numpy as np

from .instances import Instances
from .library import instance_of
from .simulator import Simulator
from .vectors import VectorMemory

MOST_VECTORS = 100_000


class SharedVectors:
    """Spikes of the sources given to record(), until clear(). Vectors are known by their addresses; none is held."""

    def __init__(self, sim: Simulator, apart: List[Any]) -> None:
        self._memory = VectorMemory(sim.library)
        self._vectors = Instances(sim.library, "Vector", self._keep)
        self._apart = {instance_of(vector) for vector in apart}  # vectors of ours that hold spikes, too
        self._sources: Dict[int, List[int]] = {}  # a vector of times, and who fills it
        self._candidates: Set[int] = set()
        self._dead: Dict[int, np.ndarray] = {}  # a script that ends drops its vectors before we read them

    def clear(self) -> None:
        """Forget all sources."""
        self._vectors.release()
        self._sources, self._candidates, self._dead = {}, set(), {}

    def record(self, netcon: Any, source: int) -> None:
        """Read the source of `netcon` from the vector that the model records it in."""
        if not (self._memory.known and self._vectors.known):
            raise RuntimeError("this NEURON does not let the model's own vectors be read")
        times = instance_of(netcon.get_recordvec())
        assert times is not None
        self._sources.setdefault(times, []).append(source)
        if not self._candidates:
            self._candidates = set(self._vectors.alive()[:MOST_VECTORS]) - self._apart
            self._vectors.watch()

    def begin(self) -> None:
        """finitialize has emptied what is recorded: drop the vectors that hold something else."""
        lengths = {self._size(times) for times in self._sources}
        self._candidates = {vector for vector in self._candidates if self._size(vector) in lengths}

    def take(self) -> Tuple[np.ndarray, np.ndarray]:
        """Source ids (n,) int64 and spike times in ms (n,), unsorted. Raises ValueError when the ids cannot be told."""
        ids, times = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for vector, sources in self._sources.items():
            spikes = self._floats(vector)
            times.append(spikes)
            ids.append(self._ids(vector, sources, len(spikes)))
        return np.concatenate(ids), np.concatenate(times)

    def __len__(self) -> int:
        return sum(self._size(vector) for vector in self._sources)

    def _keep(self, vector: int) -> None:
        """It dies; another may be made in its place."""
        if vector not in self._dead and (vector in self._sources or vector in self._candidates):
            self._dead[vector] = self._memory.floats(vector)

    def _size(self, vector: int) -> int:
        return len(self._dead[vector]) if vector in self._dead else self._memory.size(vector)

    def _floats(self, vector: int) -> np.ndarray:
        return self._dead[vector] if vector in self._dead else self._memory.floats(vector)

    def _ids(self, times: int, sources: List[int], spikes: int) -> np.ndarray:
        if not spikes or len(sources) == 1:
            return np.full(spikes, sources[0], dtype=np.int64)
        found: Dict[bytes, np.ndarray] = {}
        for vector in self._candidates:
            if vector != times and self._size(vector) == spikes:
                values = self._floats(vector)
                if np.isin(values, sources).all():
                    found[values.tobytes()] = values
        if len(found) != 1:
            raise ValueError("%d vectors could hold the gids of the spikes that your model records" % len(found))
        (gids,) = found.values()
        return gids.astype(np.int64)
