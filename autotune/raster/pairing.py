"""One-to-one pairing of the spikes of two rasters: the inner loop of `metrics.match`, vectorised.

It must find the largest number of pairs within each gid, in order, and decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.raster.raster import TICKS_PER_MS, Raster, ticks
from autotune.raster.room import HELD

Ints = NDArray[np.int64]
Pairs = tuple[Ints, Ints]
_FEW = 32  # clusters left, below which plain Python is faster than numpy
_BLOCK = 65_536  # spikes that are paired at once: whole trains, in cache
_CHUNK = 1 << 20
_TABLE = 1 << 22  # widest range of gids that is looked up in a table


@dataclass(frozen=True)
class Block:
    """Some cells of two rasters with all their spikes, and which of these are partners."""

    a: Ints
    """Sorted numbers, see Lifted: spikes of one cell after those of another."""
    b: Ints
    pairs: Pairs
    """Indices into a and b."""
    trains: Lifted
    low: int
    """The place of its group's first cell among all cells."""

    def gids(self, keys: Ints) -> Ints:
        """Whose spikes these are, of either."""
        return self.trains.gids[self.low + keys // self.trains.stride]

    def cells(self, keys: Ints) -> Ints:
        """The same as numbers from 0 on, which hold in this block alone."""
        return keys // self.trains.stride - self._first_cell

    @property
    def size(self) -> int:
        """One more than the largest of these numbers."""
        return max(int(keys[-1]) // self.trains.stride for keys in (self.a, self.b) if len(keys)) - self._first_cell + 1

    @property
    def _first_cell(self) -> int:
        return min(int(keys[0]) // self.trains.stride for keys in (self.a, self.b) if len(keys))

    def times_ms(self, keys: Ints) -> NDArray[np.float64]:
        return (keys % self.trains.stride + self.trains.first) / TICKS_PER_MS

    def shifts_ms(self) -> NDArray[np.float64]:
        """From a to b, of all pairs."""
        i, j = self.pairs
        return (self.b[j] - self.a[i]) / TICKS_PER_MS


def paired_shifts(a: Raster, b: Raster, window_ms: float) -> Iterator[NDArray[np.float64]]:
    """Shifts in ms of all pairs, some 10^4 at a time, by gid, then time."""
    return (block.shifts_ms() for block in paired_blocks(a, b, window_ms))


def paired_blocks(a: Raster, b: Raster, window_ms: float) -> Iterator[Block]:
    """All spikes of both, some 10^4 at a time, with their pairs; nothing for two empty rasters."""
    if not len(a) and not len(b):
        return
    trains = lift((a, b), window_ms)
    for number, keys in enumerate(trains.groups):
        sampled = np.concatenate([np.zeros(1, np.int64), *(k[::_BLOCK] for k in keys)])
        edges = np.unique(sampled // trains.stride)[1:] * trains.stride
        cuts = [np.concatenate(([0], np.searchsorted(k, edges), [len(k)])) for k in keys]
        for at in range(len(edges) + 1):
            mine, other = (k[c[at] : c[at + 1]] for k, c in zip(keys, cuts, strict=True))
            yield Block(mine, other, pair_trains(mine, other, trains.window), trains, number * trains.group)


@dataclass(frozen=True)
class Lifted:
    """Rasters as sorted numbers, gid index * stride + ticks: the trains of all gids make one train.

    The stride keeps the trains further apart than the window (in ticks), so that pairs cannot cross gids. `groups`
    yields these numbers, an array for each raster; more than once only where the numbers of all gids would overflow, or
    would not fit in memory.
    """

    window: int
    stride: int
    groups: Iterator[tuple[Ints, ...]]
    group: int
    """So many gids in each, from whose first one the index counts."""
    gids: Ints
    """All, ascending."""
    first: int
    """The ticks from which times are counted."""


def lift(rasters: Sequence[Raster], window_ms: float = 0.0) -> Lifted:
    """All spikes of rasters, of which not all are empty, gid after gid, each train in order of time."""
    spiking = [r for r in rasters if len(r)]
    index = _GidIndex(spiking)
    first = int(min(ticks(r.times_ms[0]) for r in spiking))
    span = int(max(ticks(r.times_ms[-1]) for r in spiking)) - first
    window = min(round(window_ms * TICKS_PER_MS), span)
    stride = span + window + 1
    largest = max(map(len, rasters))  # above what is held: a quarter of that at once, as sorting and pairing copy it
    held = HELD // 4 if largest > HELD else HELD
    group = max(1, min(2**61 // stride, index.size * held // max(largest, held)))
    keys = zip(*(_keys(r, index, group, stride, first) for r in rasters), strict=True)
    return Lifted(window, stride, keys, group, index.gids, first)


def pair_trains(a: Ints, b: Ints, window: int) -> Pairs:
    """Indices i, j of all pairs with |b[j] - a[i]| <= window, each spike at most once: the most pairs there are.

    The rule is the greedy one: look at the first spikes that are left; pair them if they are close enough, else drop
    the earlier. Three ways to the same pairs: trains of one length that pair spike by spike; clusters of spikes with a
    silence above the window around them, all advanced together; the last few, long clusters one by one.
    """
    if len(a) == len(b) and (not len(a) or int(np.abs(b - a).max()) <= window):
        every = np.arange(len(a))
        return every, every
    partner = np.full(len(a), -1)
    i, stop_i, j, stop_j = _clusters(a, b, window)
    while len(i) > _FEW:
        shift = b[j] - a[i]
        hit = np.abs(shift) <= window
        partner[i[hit]] = j[hit]
        i, j = i + (shift >= -window), j + (shift <= window)
        left = (i < stop_i) & (j < stop_j)
        i, stop_i, j, stop_j = i[left], stop_i[left], j[left], stop_j[left]
    for bounds in zip(i.tolist(), stop_i.tolist(), j.tolist(), stop_j.tolist(), strict=True):
        found = _one_by_one(a, b, window, *bounds)
        partner[found[0]] = found[1]
    paired = np.flatnonzero(partner >= 0)
    return paired, partner[paired]


def _clusters(a: Ints, b: Ints, window: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Where the clusters that hold spikes of both trains begin and end in a and in b."""
    both = np.concatenate((a * 2, b * 2 + 1))  # the lowest bit tells whose spike it is
    both.sort()
    from_b = np.concatenate(([0], np.cumsum(both & 1)))
    both >>= 1
    edges = np.concatenate(([0], np.flatnonzero(np.diff(both) > window) + 1, [len(both)]))
    edges_b = from_b[edges]
    edges_a = edges - edges_b
    shared = (np.diff(edges_a) > 0) & (np.diff(edges_b) > 0)
    return edges_a[:-1][shared], edges_a[1:][shared], edges_b[:-1][shared], edges_b[1:][shared]


def _one_by_one(a: Ints, b: Ints, window: int, i: int, stop_i: int, j: int, stop_j: int) -> Pairs:
    first_i, first_j = i, j
    mine, other = a[i:stop_i].tolist(), b[j:stop_j].tolist()
    i = j = 0
    pairs: list[tuple[int, int]] = []
    while i < len(mine) and j < len(other):
        shift = other[j] - mine[i]
        if abs(shift) <= window:
            pairs.append((i, j))
        i, j = i + (shift >= -window), j + (shift <= window)
    found = np.array(pairs, np.int64).reshape(-1, 2)
    return found[:, 0] + first_i, found[:, 1] + first_j


class _GidIndex:
    """The place of each gid among all gids of some rasters."""

    def __init__(self, rasters: Sequence[Raster]) -> None:
        self.lowest = int(min(r.gids.min() for r in rasters))
        self.table: Ints | None = None
        width = int(max(r.gids.max() for r in rasters)) - self.lowest + 1
        if width <= _TABLE:
            seen = np.zeros(width, np.bool_)
            for r in rasters:
                for begin in range(0, len(r), _CHUNK):
                    seen[r.gids[begin : begin + _CHUNK] - self.lowest] = True
            self.table = np.cumsum(seen) - 1
            self.gids = np.flatnonzero(seen) + self.lowest
        else:
            self.gids = np.unique(np.concatenate([r.gid_set for r in rasters]))
        self.size = len(self.gids)

    def __call__(self, gids: Ints) -> Ints:
        if self.table is not None:
            return np.asarray(self.table[gids - self.lowest])
        return np.searchsorted(self.gids, gids)


def _keys(r: Raster, index: _GidIndex, group: int, stride: int, first: int) -> Iterator[Ints]:
    """For each `group` of gids: sorted gid index * stride + ticks. All gids at once are done in chunks and one sort."""
    if len(r) > HELD:
        for low in range(0, index.size, group):
            keys = np.concatenate([*_chosen(r, index, low, group, stride, first)])
            keys.sort()
            yield keys
        return
    if group < index.size:
        place = index(r.gids)
        order = np.argsort(place, kind="stable")
        place, time = place[order], ticks(r.times_ms)[order] - first
        for low in range(0, index.size, group):
            part = slice(*np.searchsorted(place, (low, low + group)))
            yield (place[part] - low) * stride + time[part]
        return
    keys = np.empty(len(r), np.int64)
    for begin in range(0, len(r), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        keys[part] = index(r.gids[part])
        keys[part] *= stride
        keys[part] += ticks(r.times_ms[part])
        keys[part] -= first
    keys.sort()
    yield keys


def _chosen(r: Raster, index: _GidIndex, low: int, group: int, stride: int, first: int) -> Iterator[Ints]:
    """The numbers of one group of a raster that is too large to be sorted by gid, in the order of time."""
    for begin in range(0, len(r), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        place = index(r.gids[part]) - low
        chosen = (place >= 0) & (place < group)
        yield place[chosen] * stride + (ticks(r.times_ms[part][chosen]) - first)
