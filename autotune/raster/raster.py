"""The raster: which gid spiked when. One immutable type that every reader, metric and verdict works on.

Times live on a grid of 1e-9 ms: NEURON's fixed step adds 1e-10 ms to every spike time, and the last bits of a float are
no spikes. So two rasters are equal exactly when their arrays are. This module must never drop, add or unify spikes: a
raster is a multiset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autotune.errors import UsageError
from autotune.raster.room import HELD, make_room

Gids = NDArray[np.int64]
Times = NDArray[np.float64]

TICKS_PER_MS = 1e9
_EXACT_TICKS = 2.0**51  # below it a float holds every tick, and ms -> ticks -> ms is the identity
_LONGEST_MS = 1e9  # 11 days of model time; differences of ticks stay far inside an int64
_SLAB = 65_536  # spikes that are sorted at once while merging: they fit a core's cache
_STRIDE = 1_024
_LEAST = 64  # spikes of each part in a slab, on average
_CHUNK = 1 << 20
_NARROW = 1 << 20  # gids in a range below this are counted without sorting


def ticks(times_ms: ArrayLike) -> Gids:
    """Times in ms as whole ticks of 1e-9 ms."""
    scaled = np.multiply(times_ms, TICKS_PER_MS)
    return np.rint(scaled, out=scaled if scaled.ndim else None).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Raster:
    """Spikes sorted by time, then gid. Build it with `from_arrays`; the arrays cannot be written to.

    `gids` (n,) int64: any sign and size; a negative gid names a source without a gid. `times_ms` (n,) float64 on the
    grid of 1e-9 ms; negative times are spikes of a presimulation. Equal spikes are kept as often as they occur.
    """

    gids: Gids
    times_ms: Times

    def __post_init__(self) -> None:
        self.gids.setflags(write=False)
        self.times_ms.setflags(write=False)

    @classmethod
    def from_arrays(cls, gids: ArrayLike, times_ms: ArrayLike, *, source: str = "the raster") -> Raster:
        """Copy, check and sort two arrays of one length; `source` names them in messages.

        Raises UsageError for lengths that differ, gids that are not whole numbers or beyond int64, and times that are
        NaN, infinite or beyond 1e9 ms.
        """
        whole, times = _whole(np.asarray(gids), source), _on_grid(times_ms, source)
        if whole.shape != times.shape or whole.ndim != 1:
            raise UsageError(
                f"{source}: gids have shape {whole.shape}, times {times.shape}; a raster needs one gid for each time.",
                cure="Write the two columns again from the same run.",
            )
        return cls(*((whole, times) if _is_sorted(whole, times) else _sort(whole, times)))

    def __len__(self) -> int:
        return len(self.gids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Raster):
            return NotImplemented
        return np.array_equal(self.times_ms, other.times_ms) and np.array_equal(self.gids, other.gids)

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        return f"Raster({len(self)} spikes of {len(self.gid_set)} gids)"

    def digest(self) -> str:
        """sha256 (hex) of the number of spikes, all times and all gids: equal for equal rasters, on every machine."""
        sha = hashlib.sha256(len(self).to_bytes(8, "little"))
        sha.update(np.ascontiguousarray(self.times_ms, "<f8").data)
        sha.update(np.ascontiguousarray(self.gids, "<i8").data)
        return sha.hexdigest()

    @cached_property
    def gid_set(self) -> Gids:
        """The gids that spiked, each once, ascending."""
        return self._counted[0]

    def counts(self) -> NDArray[np.int64]:
        """Spikes of each gid, in the order of `gid_set`."""
        return self._counted[1]

    @cached_property
    def _counted(self) -> tuple[Gids, NDArray[np.int64]]:
        if len(self) and int(self.gids.max()) - int(self.gids.min()) < _NARROW:
            lowest, highest = int(self.gids.min()), int(self.gids.max())
            all_counts = np.zeros(highest - lowest + 1, np.int64)
            for begin in range(0, len(self), _CHUNK):
                all_counts += np.bincount(self.gids[begin : begin + _CHUNK] - lowest, minlength=len(all_counts))
            at = np.flatnonzero(all_counts)
            gids, counts = at + lowest, all_counts[at]
        else:
            gids, counts = np.unique(self.gids, return_counts=True)
        gids.setflags(write=False)
        counts.setflags(write=False)
        return gids, counts

    def window(self, t0_ms: float, t1_ms: float) -> Raster:
        """The spikes with t0 <= t < t1, without a copy; infinite ends are allowed."""
        edges = [t if np.isinf(t) else float(snap(np.array([t], np.float64))[0]) for t in (t0_ms, t1_ms)]
        first, last = np.searchsorted(self.times_ms, edges)
        return Raster(self.gids[first:last], self.times_ms[first:last])


def merge(rasters: Iterable[Raster], place: Path | None = None) -> Raster:
    """One raster of the parts that the ranks wrote, which are asked for one after another.

    What is more than fits in memory (room.HELD) waits in files in the folder `place`, and so does the result, which
    takes twice its size there. Raises OSError where the disk is full.
    """
    waiting: list[Raster] = []
    held: list[Raster] = []
    spikes = 0
    for part in rasters:
        held.append(part)
        spikes += len(part)
        if spikes > HELD:
            waiting.append(_merged(held, place, on_disk=True))
            held, spikes = [], 0
    return _merged([*waiting, *held], place, on_disk=bool(waiting))


def _merged(rasters: Iterable[Raster], place: Path | None, on_disk: bool) -> Raster:
    """Goes through the parts in slabs of time, so that each sort stays in cache, or in memory where parts are many."""
    parts = [r for r in rasters if len(r)]
    if len(parts) <= 1:
        return parts[0] if parts else Raster.from_arrays([], [])
    sampled = np.sort(np.concatenate([r.times_ms[::_STRIDE] for r in parts]))
    edges = sampled[:: max(_SLAB, _LEAST * len(parts)) // _STRIDE][1:]
    cuts = [np.concatenate(([0], np.searchsorted(r.times_ms, edges), [len(r)])) for r in parts]
    gids, times = make_room(sum(map(len, parts)), place, on_disk)
    end = 0
    for slab in range(len(edges) + 1):
        spans = [slice(c[slab], c[slab + 1]) for c in cuts]
        slab_gids = np.concatenate([r.gids[s] for r, s in zip(parts, spans, strict=True)])
        slab_times = np.concatenate([r.times_ms[s] for r, s in zip(parts, spans, strict=True)])
        begin, end = end, end + len(slab_gids)
        gids[begin:end], times[begin:end] = _sort(slab_gids, slab_times)
    return Raster(gids, times)


def snap(times: Times) -> Times:
    """Round times in ms to the grid in place. Times too late for the grid (37 minutes of model time) are coarser than
    it and stay as they are.
    """
    late = np.abs(times) >= _EXACT_TICKS / TICKS_PER_MS
    kept = times[late]
    times *= TICKS_PER_MS
    np.rint(times, out=times)
    times /= TICKS_PER_MS
    times[late] = kept
    times += 0.0  # -0.0 becomes 0.0
    return times


def _on_grid(times_ms: ArrayLike, source: str) -> Times:
    try:
        times = np.array(times_ms, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{source}: the times are not numbers ({error}).", cure="Give spike times in ms.") from error
    if times.size and not max(abs(times.min()), abs(times.max())) <= _LONGEST_MS:  # also true for NaN
        bad = int(np.flatnonzero(~(np.abs(times) <= _LONGEST_MS))[0])
        raise UsageError(
            f"{source}: spike {bad} (counted from 0) has the time {times.flat[bad]} ms.",
            cure="Times must be finite, in ms and below 1e9: look for a run that blew up, or another unit.",
        )
    return snap(times)


def _whole(gids: NDArray[np.generic], source: str) -> Gids:
    """A copy as int64 that keeps every value; NEURON's Vectors hold gids as floats."""
    if gids.size == 0:
        return np.empty(gids.shape, np.int64)
    kept = gids.astype(np.int64) if gids.dtype.kind in "iu" else None
    if gids.dtype.kind == "u" and int(gids.max()) > np.iinfo(np.int64).max:
        kept = None
    if gids.dtype.kind == "f" and np.all(np.abs(gids) <= 2.0**53) and np.all(gids == np.rint(gids)):
        kept = gids.astype(np.int64)
    if kept is None:
        raise UsageError(
            f"{source}: the gids are not whole numbers of 64 bits (type {gids.dtype}).",
            cure="gids must be integers; as floats they are exact up to 2^53.",
        )
    return kept


def _is_sorted(gids: Gids, times: Times) -> bool:
    if (times[:-1] > times[1:]).any():
        return False
    return not ((times[:-1] == times[1:]) & (gids[:-1] > gids[1:])).any()


def _sort(gids: Gids, times: Times) -> tuple[Gids, Times]:
    """By time, then gid. Where both fit one int64, one plain sort of packed keys is 15 times faster than a lexsort."""
    if not len(gids):
        return gids, times
    first, last = float(times.min()), float(times.max())
    lowest, bits = int(gids.min()), (int(gids.max()) - int(gids.min())).bit_length()
    start, stop = (round(t * TICKS_PER_MS) for t in (first, last))
    if max(-start, stop) >= _EXACT_TICKS or (stop - start).bit_length() + bits > 62:
        order = np.lexsort((gids, times))
        return gids[order], times[order]
    keys = ticks(times)
    keys -= start
    keys <<= bits
    keys |= gids - lowest
    keys.sort()
    whole = (keys & ((1 << bits) - 1)) + lowest
    keys >>= bits
    keys += start
    return whole, keys / TICKS_PER_MS
