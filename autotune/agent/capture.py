"""Spikes, captured without changing what the user's own script records.

`pc.spike_record` and `NetCon.record(vector)` share one slot a source. Where that slot is free, a vector of ours takes
it (0.02 µs a spike). Where the user's vectors hold it, a run that observes uses the second slot (slot.py), and reads
these vectors too (shared.py); where both give the same spikes, later runs are told to read them alone, at no cost while
they run. So it is under CoreNEURON, and where the model uses both slots of a source at once.
"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np

from .engine import enabled
from .probe import NetConTable
from .shared import SharedVectors
from .simulator import Simulator
from .slot import SecondSlot
from .vectors import floats

# Sources of input that has no gid: their spikes are the model's stimulus, not its answer.
STIMULI = ("NetStim", "VecStim", "PatternStim")
MOST_UNNAMED_NETCONS = 200_000


class Capture:
    """All spikes of this rank from one finitialize to the next: attach() inside finitialize, take() at the end."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._times = sim.h.Vector()
        self._ids = sim.h.Vector()
        self._second = SecondSlot(sim)
        self._shared = SharedVectors(sim, apart=[self._times, self._ids, *self._second.vectors])
        self._held: SecondSlot | SharedVectors = self._second
        self._compare = False
        self._free: List[int] = []
        self.artificial_gids = 0
        self.unnamed = 0
        """Sources of spikes without a gid, stimuli apart."""

    def attach(self, gids: Dict[int, int], table: NetConTable, *, shared: bool = False, compare: bool = False) -> None:
        """Record every source of this rank; `gids` is what local_gids() found.

        A gid without a cell yet is left alone: NEURON would crash. What the user's vectors hold is read from them if
        they are `shared`, else captured beside them; to `compare` both, do both.
        """
        self._times.resize(0)
        self._ids.resize(0)
        self._second.clear()
        self._shared.clear()
        self._held = self._shared if enabled() or shared else self._second
        self._compare = compare and self._held is self._second
        self._free = []
        self.artificial_gids = self.unnamed = 0
        self._attach_gids([gid for gid, state in gids.items() if state >= 2])
        self._attach_unnamed(np.flatnonzero(table.gids < 0))

    def begin(self) -> None:
        """finitialize has ended: the run begins."""
        self._shared.begin()

    def shared_agrees(self) -> bool:
        """Whether the user's vectors hold, when they are read now, what was captured beside them."""
        if not self._compare:
            return self._held is self._shared
        try:
            return same_spikes(self._shared.take(), self._second.take())
        except ValueError:
            return False

    def take(self) -> Tuple[np.ndarray, np.ndarray]:
        """Source ids (n,) int64 and spike times in ms (n,), unsorted. Sources without a gid have negative ids."""
        ids, times = self._held.take()
        ours = np.rint(floats(self._ids)).astype(np.int64)
        return np.concatenate([ours, ids]), np.concatenate([floats(self._times), times])

    def lost(self) -> List[int]:
        """Gids whose slot the script has taken since attach(), so that their spikes went to its vectors alone."""
        if not self._free:
            return []
        target = self._sim.h.IntFire1()
        there = (gid for gid in self._free if int(self._sim.pc.gid_exists(gid)) >= 2)
        lost = [gid for gid in there if self._sim.pc.gid_connect(gid, target).get_recordvec() != self._times]
        target = None
        return lost

    def with_gid(self) -> int:
        """How many of the spikes so far have a source with a gid."""
        return int(sum(np.count_nonzero(part >= 0) for part in (floats(self._ids), self._held.take()[0])))

    def __len__(self) -> int:
        return int(self._times.size()) + len(self._held)

    def _attach_gids(self, gids: List[int]) -> None:
        if not gids:
            return
        free = []
        target = self._sim.h.IntFire1()  # gid_connect wants a target; an artificial cell needs no section
        for gid in gids:
            netcon = self._sim.pc.gid_connect(gid, target)
            self.artificial_gids += netcon.pre() is not None
            if self._is_free(netcon):
                free.append(gid)
            else:
                self._hold(netcon, gid)
        netcon = target = None
        self._free = free
        if free:
            self._sim.pc.spike_record(self._sim.h.Vector(free), self._times, self._ids)

    def _attach_unnamed(self, netcons: np.ndarray) -> None:
        """Sources without a gid: cells of serial models, and whatever the model itself records."""
        every = self._sim.h.List("NetCon")
        first, step = -1 - self._sim.rank, self._sim.nhost
        for index in netcons[:MOST_UNNAMED_NETCONS]:
            netcon = every.o(int(index))
            if not netcon.valid():
                continue
            source = first - int(index) * step
            artificial = netcon.pre()
            self.unnamed += artificial is None or not artificial.hname().startswith(STIMULI)
            if not self._is_free(netcon):
                self._hold(netcon, source)
            elif artificial is None or not artificial.hname().startswith(STIMULI):
                netcon.record(self._times, self._ids, source)

    def _hold(self, netcon: Any, source: int) -> None:
        self._held.record(netcon, source)
        if self._compare:
            self._shared.record(netcon, source)

    def _is_free(self, netcon: Any) -> bool:
        """Whether the user's script records nothing from the source of this NetCon."""
        vector = netcon.get_recordvec()
        return vector is None or vector == self._times


def same_spikes(a: Tuple[np.ndarray, np.ndarray], b: Tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether two pairs of source ids and times hold the same spikes, in any order; times to the last bit."""
    first, second = ([column[np.lexsort(pair)] for column in pair] for pair in (a, b))
    return all(map(np.array_equal, first, second))
