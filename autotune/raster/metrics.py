"""What can be said about a raster, and about two of them.

Every measure names its source. None of them decides: what is acceptable is the matter of `autotune.verify`. In
particular two empty rasters have distance 0 here, and whoever decides must first ask whether there is anything to
compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.errors import UsageError
from autotune.raster.pairing import lift, paired_blocks, paired_shifts
from autotune.raster.raster import TICKS_PER_MS, Gids, Raster

Floats = NDArray[np.float64]
_CHUNK = 1 << 20
_MOST_BINS = 50_000_000


@dataclass(frozen=True)
class Match:
    """Pairs of spikes of a and b, one to one within each gid, not further apart than the window.

    `missed`: spikes of a alone; `extra`: spikes of b alone. `shifts_ms` (matched,): b - a of every pair, by gid, then
    time.
    """

    window_ms: float
    matched: int
    missed: int
    extra: int
    shifts_ms: Floats

    @property
    def distance(self) -> float:
        """(missed + extra) / (spikes of both): 0 when every spike has its partner, 1 when none has; 0 for two empty
        rasters.
        """
        alone = self.missed + self.extra
        return alone / (2 * self.matched + alone) if alone else 0.0

    @property
    def bias_ms(self) -> float:
        """Mean shift: positive where b is late. NaN without pairs, as all of the following."""
        return float(self.shifts_ms.mean()) if self.matched else float("nan")

    @property
    def median_ms(self) -> float:
        return self.percentile_ms(50)

    @property
    def max_abs_ms(self) -> float:
        if not self.matched:
            return float("nan")
        return float(max(self.shifts_ms.max(), -self.shifts_ms.min()))

    def percentile_ms(self, percent: float) -> float:
        return float(np.percentile(self.shifts_ms, percent)) if self.matched else float("nan")


def identical(a: Raster, b: Raster) -> bool:
    """The same spikes at the same times (to 1e-9 ms), as NEURON's own tests ask of sorted (time, gid) lists. True for
    two empty rasters.
    """
    return a == b


def match(a: Raster, b: Raster, window_ms: float) -> Match:
    """Pair the spikes of a and b that coincide: |t_b - t_a| <= window, within each gid, each spike at most once.

    Going through two sorted trains in order and pairing the earliest that can be paired finds the largest number of
    pairs (Glover 1967, Naval Research Logistics 14:313). Counting coincidences in a window is the measure of Kistler,
    Gerstner & van Hemmen (1997, Neural Computation 9:1015). With a window above half an interspike interval a pair may
    be a neighbour's, so shifts mean something only below that. Times are compared as whole ticks of 1e-9 ms: a shift of
    exactly the window is inside. UsageError for a window that is negative or not finite.
    """
    if not 0 <= window_ms < float("inf"):
        raise UsageError(f"A window of {window_ms} ms cannot be used.", cure="Give a finite window in ms, 0 or more.")
    if not len(a) or not len(b):
        return Match(window_ms, 0, len(a), len(b), np.empty(0))
    if a == b:
        return Match(window_ms, len(a), 0, 0, np.zeros(len(a)))
    shifts = np.empty(min(len(a), len(b)))
    matched = 0
    for block in paired_shifts(a, b, window_ms):
        shifts[matched : matched + len(block)] = block
        matched += len(block)
    return Match(window_ms, matched, len(a) - matched, len(b) - matched, shifts[:matched])


def distance(a: Raster, b: Raster, window_ms: float) -> float:
    """The graded distance of two rasters alone: (missed + extra) / (len(a) + len(b)) of `match`. Trials of a study are
    measured by verify.error.Ruler, which excuses a spike whose partner may lie beyond the end of the run.

    In [0, 1], symmetric; 0 only if every spike has its partner, 1 if none has, so also for one empty raster. Two empty
    rasters have 0: emptiness must be judged elsewhere.
    """
    return match(a, b, window_ms).distance


def first_divergence_ms(a: Raster, b: Raster) -> float | None:
    """Time of the first spike that one raster has and the other has not; None for identical rasters.

    The onset of divergence is how the effect of a tiny perturbation is measured, e.g. London et al. (2010, Nature
    466:123).
    """
    common = min(len(a), len(b))
    for begin in range(0, common, _CHUNK):
        part = slice(begin, min(begin + _CHUNK, common))
        unequal = (a.times_ms[part] != b.times_ms[part]) | (a.gids[part] != b.gids[part])
        if unequal.any():
            at = begin + int(unequal.argmax())
            return float(min(a.times_ms[at], b.times_ms[at]))
    longer = a if len(a) > len(b) else b
    return float(longer.times_ms[common]) if len(longer) > common else None


def moved(a: Raster, b: Raster) -> Raster:
    """The spikes in a of the gids that do not fire at exactly the same times in b."""
    found = [np.empty(0, np.int64)]
    for block in paired_blocks(a, b, 0.0):
        alone = [np.delete(keys, at) for keys, at in zip((block.a, block.b), block.pairs, strict=True)]
        found.append(np.unique(block.gids(np.concatenate(alone))))
    return _only(a, np.concatenate(found))


def rates(r: Raster, duration_ms: float, gids: Gids | None = None) -> Floats:
    """Mean rate in Hz of each of `gids` (default: those that spiked, `r.gid_set`); a gid without spikes has 0.

    Spike-count rate, Dayan & Abbott (2001, Theoretical Neuroscience, 1.2). For a population pass all its gids, and take
    the mean.
    """
    if not 0 < duration_ms < float("inf"):
        raise UsageError(f"No rates over {duration_ms} ms.", cure="Give the length of the run in ms.")
    wanted = r.gid_set if gids is None else np.asarray(gids, np.int64)
    counts = np.zeros(len(wanted))
    if len(r):
        at = np.minimum(np.searchsorted(r.gid_set, wanted), len(r.gid_set) - 1)
        counts = np.where(r.gid_set[at] == wanted, r.counts()[at], 0)
    return counts * 1000.0 / duration_ms


def isi_cv(r: Raster) -> Floats:
    """Coefficient of variation of the interspike intervals of each of `r.gid_set`; NaN below three spikes or if all
    intervals are 0.

    Softky & Koch (1993, J. Neuroscience 13:334): 0 for a clock, 1 for a Poisson process.
    """
    if not len(r):
        return np.empty(0)
    trains = lift((r,))
    return np.concatenate([_cv(keys // trains.stride, keys) for (keys,) in trains.groups])


def _cv(cells: Gids, keys: Gids) -> Floats:
    """Of some cells with all their spikes, one cell after another."""
    isi = np.diff(keys) / TICKS_PER_MS
    ends = np.flatnonzero(np.diff(cells))
    isi = np.delete(isi, ends)  # from one gid's last spike to the next gid's first
    n = np.diff(np.concatenate(([-1], ends, [len(cells) - 1]))) - 1
    owner = np.repeat(np.arange(len(n)), n)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(owner, isi, minlength=len(n)) / n
        spread = np.bincount(owner, (isi - mean[owner]) ** 2, minlength=len(n)) / n
        return np.where((n >= 2) & (mean > 0), np.sqrt(spread) / mean, np.nan)


def correlations(
    r: Raster,
    start_ms: float,
    stop_ms: float,
    *,
    bin_ms: float = 5.0,
    sample: int = 200,
    seed: int = 0,
    gids: Gids | None = None,
) -> Floats:
    """Pearson correlations of binned spike counts of all pairs among at most `sample` cells, drawn from `gids`
    (default: those that spiked).

    Spike-count correlation, Cohen & Kohn (2011, Nature Neuroscience 14:811). To compare two rasters give both the same
    `gids` and `seed`. Pairs with a cell that is constant over all bins are left out, so the shape is (pairs,) with
    pairs <= sample * (sample - 1) / 2.
    """
    bins = round((stop_ms - start_ms) / bin_ms) if bin_ms > 0 else 0
    cells = _sample(r.gid_set if gids is None else gids, sample, seed)
    if bins < 2 or bins * len(cells) > _MOST_BINS:
        raise UsageError(
            f"{bins} bins of {bin_ms} ms for {len(cells)} cells between {start_ms} and {stop_ms} ms.",
            cure="Choose bin_ms so that there are at least 2 bins, and fewer than 5e7 over all cells.",
        )
    mine = _only(r.window(start_ms, stop_ms), cells)
    column = np.minimum(((mine.times_ms - start_ms) * (bins / (stop_ms - start_ms))).astype(np.int64), bins - 1)
    flat = np.searchsorted(cells, mine.gids) * bins + column
    counted = np.bincount(flat, minlength=len(cells) * bins).reshape(len(cells), bins)
    varied = counted[np.ptp(counted, axis=1) > 0] if len(cells) else counted
    if len(varied) < 2:
        return np.empty(0)
    return np.asarray(np.corrcoef(varied))[np.triu_indices(len(varied), 1)].astype(np.float64)


def spike_distance(a: Raster, b: Raster, start_ms: float, stop_ms: float, *, sample: int = 100, seed: int = 0) -> float:
    """SPIKE-distance of each gid's train in a to that in b, mean over at most `sample` gids of both; needs no window.
    NaN without gids.

    Kreuz et al. (2013, J. Neurophysiology 109:1457), computed by PySpike (Mulansky & Kreuz 2016, SoftwareX 5:183): 0
    for equal trains, in [0, 1]. UsageError if PySpike is not installed.
    """
    try:
        import pyspike
    except ImportError as error:
        raise UsageError("The SPIKE-distance needs PySpike.", cure="Install it with: pip install pyspike") from error
    cells = _sample(np.union1d(a.gid_set, b.gid_set), sample, seed)
    trains = [_only(r.window(start_ms, stop_ms + 1 / TICKS_PER_MS), cells) for r in (a, b)]
    found = []
    for gid in cells:
        pair = [pyspike.SpikeTrain(np.unique(r.times_ms[r.gids == gid]), (start_ms, stop_ms)) for r in trains]
        found.append(float(pyspike.spike_distance(*pair)))
    return float(np.mean(found)) if found else float("nan")


def _sample(gids: Gids, most: int, seed: int) -> Gids:
    gids = np.unique(np.asarray(gids, np.int64))
    if len(gids) <= most:
        return gids
    return np.sort(np.random.default_rng(seed).choice(gids, most, replace=False))


def _only(r: Raster, gids: Gids) -> Raster:
    kept = []
    for begin in range(0, len(r), _CHUNK):
        kept.append(begin + np.flatnonzero(np.isin(r.gids[begin : begin + _CHUNK], gids)))
    at = np.concatenate([np.empty(0, np.int64), *kept])
    return Raster(r.gids[at], r.times_ms[at])
