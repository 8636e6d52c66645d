"""Spikes, captured without changing what the user's own script records.

`pc.spike_record` and `NetCon.record(vector)` share one slot a source. Where that slot is free, a vector of ours takes
it (0.02 µs a spike). Where the user's vectors hold it, the second slot is used (slot.py), under CoreNEURON these
vectors themselves (shared.py). A source whose model uses both slots at once would lose its own callable; no model
that does was met.
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
        self._shared = SharedVectors(sim)
        self._held: SecondSlot | SharedVectors = self._second
        self._free: List[int] = []
        self.artificial_gids = 0
        self.unnamed = 0
        """Sources of spikes without a gid, stimuli apart."""

    def attach(self, gids: Dict[int, int], table: NetConTable) -> None:
        """Record every source of this rank; `gids` is what local_gids() found.

        A gid without a cell yet is left alone: NEURON would crash.
        """
        self._times.resize(0)
        self._ids.resize(0)
        self._second.clear()
        self._shared.clear()
        self._held = self._shared if enabled() else self._second
        self._free = []
        self.artificial_gids = self.unnamed = 0
        self._attach_gids([gid for gid, state in gids.items() if state >= 2])
        self._attach_unnamed(np.flatnonzero(table.gids < 0))

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
                self._held.record(netcon, gid)
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
                self._held.record(netcon, source)
            elif artificial is None or not artificial.hname().startswith(STIMULI):
                netcon.record(self._times, self._ids, source)

    def _is_free(self, netcon: Any) -> bool:
        """Whether the user's script records nothing from the source of this NetCon."""
        vector = netcon.get_recordvec()
        return vector is None or vector == self._times
