"""The error of a run in milliseconds, and how long two runs stay together; both against a run that is taken as right.

The last spike of a cell may have its partner beyond the end of the run. It is no miss if that partner need not have
moved much further than the spikes that have theirs. Every other spike is one, wherever it lies: at most one spike of a
cell is excused.

Rasters are gone through some cells at a time: must never hold a copy of a whole one, which may not fit in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.raster.metrics import identical
from autotune.raster.pairing import Block, Ints, paired_blocks, paired_shifts

Floats = NDArray[np.float64]


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
        return self._look(a, b).alone

    def distance(self, a: Raster, b: Raster) -> float:
        """Share of the spikes of both that are alone, 0 to 1."""
        whole = len(a) + len(b)
        return sum(self.alone(a, b)) / whole if whole else 0.0

    def shifts_ms(self, a: Raster, b: Raster) -> tuple[float, float] | None:
        """The largest and the mean shift of the spikes that have a partner, without their sign; None if none has."""
        if identical(a, b):
            return (0.0, 0.0) if len(a) else None
        largest, total, pairs = 0.0, 0.0, 0
        for shifts in map(np.abs, paired_shifts(a, b, self.window_ms)):
            largest = max(largest, float(shifts.max(initial=0.0)))
            total, pairs = total + float(shifts.sum()), pairs + len(shifts)
        return (largest, total / pairs) if pairs else None

    def largest_shift_ms(self, a: Raster, b: Raster) -> float | None:
        shifts = self.shifts_ms(a, b)
        return shifts[0] if shifts else None

    def error_ms(self, run: Raster, reference: Raster) -> float:
        """The mean shift, without its sign, of the spikes of the cell that is worst off; one that is alone counts as a
        whole window.

        A mean over one cell's spikes changes smoothly with dt where the largest shift of all jumps, and a population
        that is shifted as a whole cannot hide behind the others.
        """
        return self._look(run, reference).error_ms

    def parting_ms(self, a: Raster, b: Raster) -> float:
        """When the first spike of either is alone; `end_ms` when none is."""
        when = self._look(a, b).parting_ms
        return when if when < np.inf else self.end_ms

    @property
    def _last_ms(self) -> float:
        return self.end_ms - self.window_ms

    def _look(self, a: Raster, b: Raster) -> _Found:
        if identical(a, b):
            return _Found((0, 0), np.inf, 0.0)
        seen = [self._seen(block) for block in paired_blocks(a, b, self.window_ms)]
        # The missing partner of a spike of a is a late one of b, that of a spike of b an early one.
        late, early = max(each.late_ms for each in seen), max(each.early_ms for each in seen)
        open_ends = [np.concatenate(column) for column in zip(*(each.open_ends for each in seen), strict=True)]
        total, number, last_a, last_b = open_ends
        counted_a, counted_b = last_a < self._excused_from_ms(late), last_b < self._excused_from_ms(early)
        total, number = total + self.window_ms * counted_a, number + counted_a
        total, number = total + self.window_ms * counted_b, number + counted_b
        return _Found(
            (
                sum(each.alone[0] for each in seen) + int(counted_a.sum()),
                sum(each.alone[1] for each in seen) + int(counted_b.sum()),
            ),
            min(
                *(each.parting_ms for each in seen),
                float(last_a[counted_a].min(initial=np.inf)),
                float(last_b[counted_b].min(initial=np.inf)),
            ),
            max(*(each.error_ms for each in seen), _worst(total, number)),
        )

    def _excused_from_ms(self, largest_ms: float) -> float:
        """From when on the last spike of a cell needs no partner, where the others have moved so far."""
        return self.end_ms - min(self.window_ms, max(self.floor_ms, self.tail * largest_ms))

    def _seen(self, block: Block) -> _Seen:
        i, j = block.pairs
        a_ms, b_ms = block.times_ms(block.a), block.times_ms(block.b)
        shifts = b_ms[j] - a_ms[i]
        a, b = self._alone(block, block.a, a_ms, i), self._alone(block, block.b, b_ms, j)
        cells = np.concatenate([block.cells(block.a)[i], a.cells, b.cells])
        errors = np.concatenate([np.abs(shifts), np.full(len(cells) - len(i), self.window_ms)])
        size = block.size
        total, number = np.bincount(cells, errors, size), np.bincount(cells, minlength=size)
        last_a, last_b = (np.full(size, np.inf) for _ in range(2))
        last_a[a.last_cells], last_b[b.last_cells] = a.last_ms, b.last_ms
        is_open = np.isfinite(np.minimum(last_a, last_b))
        return _Seen(
            shifts.max(initial=0.0),
            -shifts.min(initial=0.0),
            (len(a.cells), len(b.cells)),
            min(a.first_ms, b.first_ms),
            _worst(total[~is_open], number[~is_open]),
            (total[is_open], number[is_open], last_a[is_open], last_b[is_open]),
        )

    def _alone(self, block: Block, keys: Ints, times_ms: Floats, paired: Ints) -> _Alone:
        """Those that are not `paired`."""
        cells = block.cells(keys)
        alone: NDArray[np.bool_] = np.ones(len(keys), np.bool_)
        alone[paired] = False
        last_of_cell = np.append(cells[1:] != cells[:-1], True)[: len(cells)]
        perhaps = alone & last_of_cell & (times_ms >= self._last_ms)
        alone &= ~perhaps
        return _Alone(cells[alone], float(times_ms[alone].min(initial=np.inf)), cells[perhaps], times_ms[perhaps])


@dataclass(frozen=True)
class _Found:
    """What is alone of two rasters."""

    alone: tuple[int, int]
    parting_ms: float
    """Infinite where nothing is alone."""
    error_ms: float


@dataclass(frozen=True)
class _Alone:
    """Spikes of some cells without a partner: the cells, and when the first one is. The last spike of a cell that the
    end of the run may excuse is told apart.
    """

    cells: Ints
    first_ms: float
    last_cells: Ints
    last_ms: Floats


@dataclass(frozen=True)
class _Seen:
    """What is known of some cells before all have been looked at."""

    late_ms: float
    early_ms: float
    alone: tuple[int, int]
    parting_ms: float
    error_ms: float
    """Of the worst of the cells that are decided."""
    open_ends: tuple[Floats, Ints, Floats, Floats]
    """Of those that are not: sum and number of errors, and the spike that may be excused, of a and of b (or inf)."""


def _worst(total: Floats, number: Ints) -> float:
    """The largest mean."""
    counted = number > 0
    return float((total[counted] / number[counted]).max(initial=0.0))


def ruler(limits: AcceptConfig, end_ms: float, windows: int = 1) -> Ruler:
    """The ruler of a study; pairs spikes within so many of its windows."""
    return Ruler(windows * limits.window_ms, end_ms, limits.floor_ms, limits.tail)
