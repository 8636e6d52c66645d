"""Spikes of a model in which NEURON itself looks for none: no NetCon from a voltage, no cell with a gid.

Such a model counts them by APCount, or by its own eyes on a trace, or never spikes. So voltages are recorded where it
looks: at its APCounts, each with its own threshold; without any, in the middle of the root of each cell, where a rise
to `Sampling.threshold_mv` is a spike. Its time is interpolated between two steps, unlike that of a NetCon, so that it
changes smoothly with dt.
"""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import numpy as np

from .naming import Told
from .protocol import RunSection
from .simulator import Simulator
from .vectors import floats

MOST_SPOTS = 128  # of a rank: a recorded voltage costs 13 ns a step, and 8 bytes
MOST_OTHERS = 8  # middles of sections, whose voltage is a trace only
APCOUNTS, ROOTS = "as its APCounts count them", "where the voltage in the middle of a cell's root rises to %g mV"


class Detection:
    """The voltages of one rank, from attach() inside finitialize to spikes() at the end of the pass."""

    def __init__(self, sim: Simulator, threshold_mv: float) -> None:
        self._sim = sim
        self._threshold_mv = threshold_mv
        self._voltages: List[Any] = []
        self._times: List[Any] = []
        self._thresholds_mv: List[float] = []
        self.spots = 0
        """How many of the places spikes are looked for at: the first."""
        self.sections: List[str] = []
        """Where the voltages are, as soma(0.5)."""
        self.what = ""

    @property
    def vectors(self) -> List[Any]:
        """Those of ours that record."""
        return self._voltages + self._times

    @property
    def voltages(self) -> List[Any]:
        """One for each place."""
        return list(self._voltages)

    def attach(self) -> None:
        """Choose the places and record there; before the recorders are initialised."""
        self._voltages, self._times = [], []
        counts = self._sim.h.List("APCount")
        found = [counts.o(index) for index in range(int(counts.count()))]
        spots = [(count.get_segment(), float(count.thresh)) for count in found if count.has_loc()]
        self.what = APCOUNTS if spots else ROOTS % self._threshold_mv
        if not spots:
            roots = (section for section in self._sim.h.allsec() if section.parentseg() is None)
            spots = [(section(0.5), self._threshold_mv) for section in roots]
        spots = _some(spots, MOST_SPOTS)
        self.spots = len(spots)
        known = {str(segment) for segment, _ in spots}
        others = [section(0.5) for section in _some(list(self._sim.h.allsec()), MOST_OTHERS)]
        spots += [(segment, np.inf) for segment in others if str(segment) not in known]
        self._thresholds_mv = [threshold for _, threshold in spots]
        told = Told(self._sim)
        self.sections = [told.segment(segment) for segment, _ in spots]
        for segment, _ in spots:
            vector = self._sim.h.Vector()
            vector.record(segment._ref_v)
            self._voltages.append(vector)
        if spots and int(self._sim.cvode.active()):
            local = bool(int(self._sim.cvode.use_local_dt()))  # a step of its own for each cell
            for segment, _ in spots if local else spots[:1]:
                vector = self._sim.h.Vector()
                vector.record(self._sim.h._ref_t, sec=segment.sec)
                self._times.append(vector)

    def times_ms(self, index: int, section: RunSection) -> Optional[np.ndarray]:
        """When the voltage of this place was recorded; None where that is not known."""
        size = int(self._voltages[index].size())
        if self._times:
            times = floats(self._times[min(index, len(self._times) - 1)])
            return times if len(times) == size else None
        return np.linspace(section.t_start_ms, section.t_stop_ms, size) if size > 1 else None

    def spikes(self, section: RunSection) -> Tuple[np.ndarray, np.ndarray]:
        """Ids (n,) int64, negative as those of sources without a gid, and times in ms (n,) of one pass."""
        ids, times = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for index, (vector, threshold) in enumerate(zip(self._voltages, self._thresholds_mv)):
            grid = self.times_ms(index, section)
            if grid is not None:
                found = crossings_ms(grid, floats(vector), threshold)
                times.append(found)
                ids.append(np.full(len(found), -1 - self._sim.rank - index * self._sim.nhost, dtype=np.int64))
        return np.concatenate(ids), np.concatenate(times)


def crossings_ms(times_ms: np.ndarray, trace: np.ndarray, threshold: float) -> np.ndarray:
    """When a trace (n,) rises to a threshold: between the step before and that after, by interpolation."""
    after = np.flatnonzero((trace[:-1] < threshold) & (trace[1:] >= threshold)) + 1
    share = (threshold - trace[after - 1]) / (trace[after] - trace[after - 1])
    return np.asarray(times_ms[after - 1] + share * (times_ms[after] - times_ms[after - 1]))


def _some(every: List[Any], most: int) -> List[Any]:
    """At most so many, evenly chosen."""
    if len(every) <= most:
        return every
    return [every[index] for index in np.linspace(0, len(every) - 1, most).astype(int)]
