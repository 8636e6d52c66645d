"""The error of a run in milliseconds, and how long two runs stay together; both against a run that is taken as right.

The last spike of a cell may have its partner beyond the end of the run, so within the last window it is no miss. Every
other spike is one, wherever it lies: at most one spike of a cell is excused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.raster import Raster
from autotune.raster.metrics import match
from autotune.raster.pairing import Ints, Pairs, lift, pair_trains


@dataclass(frozen=True)
class Ruler:
    """Compares rasters up to `end_ms`, pairing spikes within `window_ms`."""

    window_ms: float
    end_ms: float

    def comparable(self, a: Raster, b: Raster) -> bool:
        """Whether either has a spike whose partner must lie within the run."""
        return any(len(raster.window(-np.inf, self._last_ms)) for raster in (a, b))

    def alone(self, a: Raster, b: Raster) -> tuple[int, int]:
        """How many spikes of a have no partner in b, and how many of b none in a."""
        i, j = _pairs(a, b, self.window_ms)
        return len(self._alone(_by_gid(a), i)), len(self._alone(_by_gid(b), j))

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
        one, other = _by_gid(run), _by_gid(reference)
        i, j = _pairs(run, reference, self.window_ms)
        alone = self._alone(one, i), self._alone(other, j)
        gids = np.concatenate([one.gids[i], one.gids[alone[0]], other.gids[alone[1]]])
        if not len(gids):
            return 0.0
        shifts = np.abs(other.times_ms[j] - one.times_ms[i])
        errors = np.concatenate([shifts, np.full(len(gids) - len(i), self.window_ms)])
        cell = np.unique(gids, return_inverse=True)[1]
        return float((np.bincount(cell, errors) / np.bincount(cell)).max())

    def parting_ms(self, a: Raster, b: Raster) -> float:
        """When the first spike of either is alone; `end_ms` when none is."""
        found = zip((_by_gid(a), _by_gid(b)), _pairs(a, b, self.window_ms), strict=True)
        alone = np.concatenate([spikes.times_ms[self._alone(spikes, paired)] for spikes, paired in found])
        return float(alone.min()) if len(alone) else self.end_ms

    @property
    def _last_ms(self) -> float:
        return self.end_ms - self.window_ms

    def _alone(self, spikes: Raster, paired: Ints) -> Ints:
        """Which of `spikes`, ordered by gid, are not `paired` and not excused by the end of the run."""
        alone: NDArray[np.bool_] = np.ones(len(spikes), np.bool_)
        alone[paired] = False
        last_of_cell = np.append(spikes.gids[1:] != spikes.gids[:-1], True)[: len(spikes)]
        return np.flatnonzero(alone & ~(last_of_cell & (spikes.times_ms >= self._last_ms)))


def _by_gid(raster: Raster) -> Raster:
    """The spikes gid after gid, each train in order of time."""
    order = np.argsort(raster.gids, kind="stable")
    return Raster(raster.gids[order], raster.times_ms[order])


def _pairs(a: Raster, b: Raster, window_ms: float) -> Pairs:
    """Which spikes of a and of b are partners, as `raster.metrics.match` pairs them; indices into `_by_gid`."""
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    if len(a) and len(b):
        trains, before = lift((a, b), window_ms), np.zeros(2, np.int64)
        for mine, other in trains.groups:
            i, j = pair_trains(mine, other, trains.window)
            found.append((i + before[0], j + before[1]))
            before += len(mine), len(other)
    return np.concatenate([i for i, _ in found]), np.concatenate([j for _, j in found])
