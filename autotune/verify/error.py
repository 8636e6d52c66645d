"""The error of a run in milliseconds, and how long two runs stay together; both against a run that is taken as right.

The last spike of a cell may have its partner beyond the end of the run. It is no miss if that partner need not have
moved much further than the spikes that have theirs. Every other spike is one, wherever it lies: at most one spike of a
cell is excused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.raster.metrics import match
from autotune.raster.pairing import Ints, Pairs, lift, pair_trains


@dataclass(frozen=True)
class Ruler:
    """Compares rasters up to `end_ms`, pairing spikes within `window_ms`."""

    window_ms: float
    end_ms: float
    floor_ms: float = 0.1
    """So near to the end the last spike of a cell may lack its partner, however little the others have moved."""
    tail: float = 2.0
    """And within so many of the largest shifts that way."""

    def comparable(self, a: Raster, b: Raster) -> bool:
        """Whether either has a spike whose partner must lie within the run."""
        return any(len(raster.window(-np.inf, self._last_ms)) for raster in (a, b))

    def alone(self, a: Raster, b: Raster) -> tuple[int, int]:
        """How many spikes of a have no partner in b, and how many of b none in a."""
        found = self._split(a, b)
        return len(found.alone_a), len(found.alone_b)

    def distance(self, a: Raster, b: Raster) -> float:
        """Share of the spikes of both that are alone, 0 to 1."""
        whole = len(a) + len(b)
        return sum(self.alone(a, b)) / whole if whole else 0.0

    def shifts_ms(self, a: Raster, b: Raster) -> tuple[float, float] | None:
        """The largest and the mean shift of the spikes that have a partner, without their sign; None if none has."""
        found = match(a, b, self.window_ms)
        return (found.max_abs_ms, float(np.abs(found.shifts_ms).mean())) if found.matched else None

    def largest_shift_ms(self, a: Raster, b: Raster) -> float | None:
        shifts = self.shifts_ms(a, b)
        return shifts[0] if shifts else None

    def error_ms(self, run: Raster, reference: Raster) -> float:
        """The mean shift, without its sign, of the spikes of the cell that is worst off; one that is alone counts as a
        whole window.

        A mean over one cell's spikes changes smoothly with dt where the largest shift of all jumps, and a population
        that is shifted as a whole cannot hide behind the others.
        """
        found = self._split(run, reference)
        gids = np.concatenate([found.gids, found.alone_a.gids, found.alone_b.gids])
        if not len(gids):
            return 0.0
        errors = np.concatenate([np.abs(found.shifts_ms), np.full(len(gids) - len(found.gids), self.window_ms)])
        cell = np.unique(gids, return_inverse=True)[1]
        return float((np.bincount(cell, errors) / np.bincount(cell)).max())

    def parting_ms(self, a: Raster, b: Raster) -> float:
        """When the first spike of either is alone; `end_ms` when none is."""
        found = self._split(a, b)
        alone = np.concatenate([found.alone_a.times_ms, found.alone_b.times_ms])
        return float(alone.min()) if len(alone) else self.end_ms

    @property
    def _last_ms(self) -> float:
        return self.end_ms - self.window_ms

    def _split(self, a: Raster, b: Raster) -> _Split:
        one, other = _by_gid(a), _by_gid(b)
        i, j = _pairs(a, b, self.window_ms)
        shifts = other.times_ms[j] - one.times_ms[i]
        # The missing partner of a spike of a is a late one of b, that of a spike of b an early one.
        late, early = shifts.max(initial=0.0), -shifts.min(initial=0.0)
        return _Split(one.gids[i], shifts, self._alone(one, i, late), self._alone(other, j, early))

    def _alone(self, spikes: Raster, paired: Ints, largest_ms: float) -> Raster:
        """Those of `spikes`, ordered by gid, that are not `paired` and not excused by the end of the run."""
        alone: NDArray[np.bool_] = np.ones(len(spikes), np.bool_)
        alone[paired] = False
        last_of_cell = np.append(spikes.gids[1:] != spikes.gids[:-1], True)[: len(spikes)]
        excused_ms = min(self.window_ms, max(self.floor_ms, self.tail * largest_ms))
        alone &= ~(last_of_cell & (spikes.times_ms >= self.end_ms - excused_ms))
        return Raster(spikes.gids[alone], spikes.times_ms[alone])


@dataclass(frozen=True)
class _Split:
    """Two rasters as pairs (`gids`, and shifts from a to b) and what of each is alone, gid after gid."""

    gids: Ints
    shifts_ms: NDArray[np.float64]
    alone_a: Raster
    alone_b: Raster


def ruler(limits: AcceptConfig, end_ms: float, windows: int = 1) -> Ruler:
    """The ruler of a study; pairs spikes within so many of its windows."""
    return Ruler(windows * limits.window_ms, end_ms, limits.floor_ms, limits.tail)


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
