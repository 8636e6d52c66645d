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
from .sources import Sources, is_stimulus
from .vectors import floats


class Capture:
    """All spikes of this rank from one finitialize to the next: attach() inside finitialize, take() at the end."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._times = sim.h.Vector()
        self._ids = sim.h.Vector()
        self._second = SecondSlot(sim)
        self._sources = Sources(sim, self._times)
        self._beside = SecondSlot(sim)  # of sources without a NetCon, whatever holds the others
        ours = [self._times, self._ids, *self._second.vectors, *self._beside.vectors]
        self._shared = SharedVectors(sim, apart=ours)
        self._held: SecondSlot | SharedVectors = self._second
        self._compare = False
        self._second_slots_free = True
        self._free: List[int] = []
        self._gids = 0
        self.artificial_gids = 0
        self.unnamed = 0
        """Sources of spikes without a gid, stimuli apart."""

    def attach(
        self,
        gids: Dict[int, int],
        table: NetConTable,
        *,
        shared: bool = False,
        compare: bool = False,
        second_slots_free: bool = True,
    ) -> None:
        """Record every source of this rank; `gids` is what local_gids() found.

        A gid without a cell yet is left alone: NEURON would crash. What the user's vectors hold is read from them if
        they are `shared`, else captured beside them; to `compare` both, do both. `second_slots_free`: the model has no
        function in one of them.
        """
        self._second_slots_free = second_slots_free
        self._times.resize(0)
        self._ids.resize(0)
        self._second.clear()
        self._beside.clear()
        self._shared.clear()
        self._held = self._shared if enabled() or shared else self._second
        self._compare = compare and self._held is self._second
        self._free = []
        self.artificial_gids = self.unnamed = 0
        self._attach_unnamed(table.sources)
        self._attach_gids([gid for gid, state in gids.items() if state >= 2], len(table.gids))

    def begin(self) -> None:
        """finitialize has ended: the run begins."""
        self._shared.begin()

    def was_coreneuron(self) -> None:
        """CoreNEURON has made the spikes, and may have been enabled after attach(): it fills vectors alone."""
        if self._compare:
            self._held, self._compare = self._shared, False

    def shared_agrees(self) -> bool:
        """Whether the user's vectors hold, when they are read now, what was captured beside them."""
        if not self._compare:
            return self._held is self._shared
        try:
            return same_spikes(self._shared.take(), self._second.take())
        except ValueError:
            return False

    @property
    def sources(self) -> int:
        """How many there are, stimuli without a gid apart."""
        return self._gids + self.unnamed

    def release(self) -> None:
        """The last section was taken: leave nothing of ours where NEURON would come upon it after the end of Python."""
        self._shared.clear()

    def take(self) -> Tuple[np.ndarray, np.ndarray]:
        """Source ids (n,) int64 and spike times in ms (n,), unsorted. Sources without a gid have negative ids."""
        ids, times = zip(self._held.take(), self._beside.take())
        ours = np.rint(floats(self._ids)).astype(np.int64)
        return np.concatenate([ours, *ids]), np.concatenate([floats(self._times), *times])

    @property
    def may_drop(self) -> bool:
        """Whether all spikes are in our own hands."""
        return self._held is self._second

    def drop(self) -> None:
        """Forget the spikes so far; what is recorded is as before."""
        self._times.resize(0)
        self._ids.resize(0)
        self._second.drop()
        self._beside.drop()

    def lost(self, t_start_ms: float) -> int:
        """How many sources the script records itself since attach(), so that spikes went to its vectors alone."""
        return self._sources.lost(self.take()[1], t_start_ms)

    def with_gid(self) -> int:
        """How many of the spikes so far have a source with a gid."""
        return int(sum(np.count_nonzero(part >= 0) for part in (floats(self._ids), self._held.take()[0])))

    def traces(self) -> List[str]:
        """What of the model's own state is not as it would be without us."""
        found = [self._sources.complaint] if self._sources.complaint else []
        if self._second.visible or self._beside.visible:
            found.append("hoc knows three names more (autotune_spike, autotune_times, autotune_ids)")
        return found

    def __len__(self) -> int:
        return int(self._times.size()) + len(self._held) + len(self._beside)

    def _attach_gids(self, gids: List[int], netcons: int) -> None:
        self._gids = len(gids)
        target = self._sim.h.IntFire1()  # gid_connect wants a target; an artificial cell needs no section
        connected = [self._sim.pc.gid_connect(gid, target) for gid in gids]
        self._attach_lone(netcons)
        for gid, netcon in zip(gids, connected):
            self.artificial_gids += netcon.pre() is not None
            if self._is_free(netcon):
                self._free.append(gid)
            else:
                self._hold(netcon, gid)
        connected, netcon, target = [], None, None
        if self._free:
            self._sim.pc.spike_record(self._sim.h.Vector(self._free), self._times, self._ids)
        self._sources.remember()

    def _attach_lone(self, netcons: int) -> None:
        """Sources without a NetCon; their ids follow those of the others. All gids must be connected just now."""
        for number, address in enumerate(self._sources.lone()):
            self.unnamed += 1
            self._beside.record_at(address, self._id(netcons + number))

    def _attach_unnamed(self, sources: np.ndarray) -> None:
        """Sources without a gid: cells of serial models, and whatever the model itself records.

        `sources` are the places in List("NetCon") of one NetCon of each.
        """
        every = self._sim.h.List("NetCon")
        for index in sources:
            netcon = every.o(int(index))
            stimulus = _is_stimulus(netcon)
            self.unnamed += not stimulus
            if not self._is_free(netcon):
                self._hold(netcon, self._id(index))
            elif not stimulus and self._may_outlive(netcon):
                self._beside.record(netcon, self._id(index))
            elif not stimulus:
                netcon.record(self._times, self._ids, self._id(index))

    def _id(self, number: int) -> int:
        return -1 - self._sim.rank - int(number) * self._sim.nhost

    def _hold(self, netcon: Any, source: int) -> None:
        self._held.record(netcon, source)
        if self._compare:
            self._shared.record(netcon, source)

    def _may_outlive(self, netcon: Any) -> bool:
        """Whether NEURON 8.2 would not notice that what this source reads, a variable of a point process, is gone with
        its section; kept by a vector of ours, it would crash the model's next finitialize. The second slot keeps none.
        """
        if self._sim.version[0] >= 9 or not self._second_slots_free or self._beside.needs_statement:
            return False
        return netcon.pre() is None and netcon.preseg() is None

    def _is_free(self, netcon: Any) -> bool:
        """Whether the user's script records nothing from the source of this NetCon."""
        vector = netcon.get_recordvec()
        return vector is None or vector == self._times


def _is_stimulus(netcon: Any) -> bool:
    artificial = netcon.pre()
    return artificial is not None and is_stimulus(artificial.hname())


def same_spikes(a: Tuple[np.ndarray, np.ndarray], b: Tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether two pairs of source ids and times hold the same spikes, in any order; times to the last bit."""
    first, second = ([column[np.lexsort(pair)] for column in pair] for pair in (a, b))
    return all(map(np.array_equal, first, second))
