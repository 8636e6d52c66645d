"""The error of a run in milliseconds, and how long two runs stay together; both against a run that is taken as right.

Spikes that may have their partner beyond the end of the run are no misses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autotune.raster import Raster
from autotune.raster.metrics import match
from autotune.raster.raster import Gids

MOST_CELLS = 5000  # one by one in Python: half a second


@dataclass(frozen=True)
class Ruler:
    """Compares rasters up to `end_ms`, pairing spikes within `window_ms`."""

    window_ms: float
    end_ms: float

    def alone(self, a: Raster, b: Raster) -> tuple[int, int]:
        """How many spikes of a have no partner in b, and how many of b none in a."""
        last = self.end_ms - self.window_ms
        missed = match(a.window(-np.inf, last), b, self.window_ms).missed
        extra = match(b.window(-np.inf, last), a, self.window_ms).missed
        return missed, extra

    def distance(self, a: Raster, b: Raster) -> float:
        """Share of the spikes of both that are alone, 0 to 1."""
        whole = len(a) + len(b)
        return sum(self.alone(a, b)) / whole if whole else 0.0

    def largest_shift_ms(self, a: Raster, b: Raster) -> float | None:
        found = match(a, b, self.window_ms)
        return found.max_abs_ms if found.matched else None

    def error_ms(self, run: Raster, reference: Raster) -> float:
        """The mean shift, without its sign, of the spikes of the cell that is worst off; one that is alone counts as a
        whole window.

        A mean over one cell's spikes changes smoothly with dt where the largest shift of all jumps, and a population
        that is shifted as a whole cannot hide behind the others.
        """
        gids = np.union1d(run.gid_set, reference.gid_set)
        gids = gids[:: -(-len(gids) // MOST_CELLS) or 1]
        worst = 0.0
        for one, other in zip(_trains(run, gids), _trains(reference, gids), strict=True):
            found, alone = match(one, other, self.window_ms), sum(self.alone(one, other))
            if found.matched + alone:
                total = float(np.abs(found.shifts_ms).sum()) + alone * self.window_ms
                worst = max(worst, total / (found.matched + alone))
        return worst

    def parting_ms(self, a: Raster, b: Raster) -> float:
        """When the first spike of either is alone; `end_ms` when none is."""
        return min(self._first_alone_ms(a, b), self._first_alone_ms(b, a))

    def _first_alone_ms(self, a: Raster, b: Raster) -> float:
        """By bisection: the spikes of a before t need only those of b before t + window."""
        times = a.window(-np.inf, self.end_ms - self.window_ms).times_ms
        low, high = 0, len(times)
        while low < high:
            middle = (low + high) // 2
            until = float(times[middle]) + 1e-6
            near = b.window(-np.inf, until + self.window_ms)
            if match(a.window(-np.inf, until), near, self.window_ms).missed:
                high = middle
            else:
                low = middle + 1
        return float(times[low]) if low < len(times) else self.end_ms


def _trains(raster: Raster, gids: Gids) -> list[Raster]:
    """The spikes of each of `gids`."""
    order = np.argsort(raster.gids, kind="stable")
    sources, times = raster.gids[order], raster.times_ms[order]
    first, last = np.searchsorted(sources, gids), np.searchsorted(sources, gids, side="right")
    return [Raster(sources[i:j], times[i:j]) for i, j in zip(first, last, strict=True)]
