"""The null band: how much the statistics of a raster vary between runs that must be called the same result.

The runs are the baseline and copies of it that a small perturbation has sent another way. A new run of the same model
falls into Student's prediction interval of each statistic; one that does not is another model, or another result. Every
statistic is of the time after which the null runs have parted: before that they say nothing about each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.raster.metrics import correlations, isi_cv
from autotune.raster.raster import Gids
from autotune.verify.error import Ruler

Floats = NDArray[np.float64]
PROFILE = "rates cell by cell"
FEWEST_RUNS = 3  # with two the interval would hold nearly everything


@dataclass(frozen=True)
class Deviation:
    """A statistic of a run: `excess` is its distance from the centre of the band over that of the edge."""

    name: str
    value: float
    low: float
    high: float
    excess: float

    def text(self) -> str:
        """For the user."""
        value = "missing" if math.isnan(self.value) else f"{self.value:.4g}"
        return f"{self.name} is {value}, runs of the same model lie between {self.low:.4g} and {self.high:.4g}"


@dataclass(frozen=True)
class NullBand:
    """Centre of every statistic, and how far the band goes to either side; build it with `null_band`."""

    start_ms: float
    stop_ms: float
    gids: Gids
    mean_counts: Floats
    limits: AcceptConfig
    names: tuple[str, ...]
    centre: Floats
    """NaN for a statistic that fewer than three of the runs have: it is not looked at."""
    below: Floats
    above: Floats
    may_lack: NDArray[np.bool_]
    """Which statistics one of the runs does not have; a trial need not have them either."""

    def worst(self, raster: Raster) -> Deviation:
        """The statistic of `raster` that is furthest out of its band; `excess` <= 1 is inside."""
        return max(self.deviations(raster), key=lambda deviation: deviation.excess)

    def deviations(self, raster: Raster) -> list[Deviation]:
        """Every statistic of `raster` with its place in the band."""
        values = np.array(list(self._statistics(raster).values()))
        apart = values - self.centre
        side = np.where(apart < 0, self.below, self.above)
        apart = np.where([name == PROFILE for name in self.names], np.maximum(apart, 0.0), np.abs(apart))
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.where(apart > 0, apart / side, 0.0)
        excess[np.isnan(values)] = np.inf  # nothing left to measure: a network that has fallen nearly silent
        excess[(np.isnan(values) & self.may_lack) | np.isnan(self.centre)] = 0.0
        low, high = np.fmax(self.centre - self.below, -1.0), self.centre + self.above
        columns = zip(self.names, values.tolist(), low.tolist(), high.tolist(), excess.tolist(), strict=True)
        return [Deviation(*column) for column in columns]

    def widened(self, raster: Raster) -> NullBand:
        """A band that holds `raster` too, to its side: what the user's own dt does to a statistic is no fault of a
        trial, but going the other way is.
        """
        values = np.array(list(self._statistics(raster).values()))
        apart = values - self.centre
        return replace(
            self,
            below=np.fmax(self.below, -apart),
            above=np.fmax(self.above, apart),
            may_lack=self.may_lack | np.isnan(values),
        )

    def _statistics(self, raster: Raster) -> dict[str, float]:
        return statistics(raster, self.start_ms, self.stop_ms, self.gids, self.mean_counts, self.limits)


def null_band(baseline: Raster, nulls: Sequence[Raster], ruler: Ruler, limits: AcceptConfig) -> NullBand | None:
    """The band of the baseline and its null runs, after they have parted (at the latest half-way through the run).

    None when they make no statistics: too few runs, spikes or bins, or a rate that varies too much to tell anything by
    it.
    """
    runs = (baseline, *nulls)
    start_ms = max((ruler.parting_ms(baseline, run) for run in nulls), default=0.0)
    start_ms = min(start_ms, ruler.end_ms / 2)
    fewest = min(len(run.window(start_ms, ruler.end_ms)) for run in runs)
    if len(runs) < FEWEST_RUNS or fewest < limits.least_spikes or ruler.end_ms - start_ms < 2 * limits.bin_ms:
        return None
    band = band_of(runs, start_ms, ruler.end_ms, limits)
    return band if band.above[0] <= limits.resolution * band.centre[0] else None


def band_of(runs: Sequence[Raster], start_ms: float, stop_ms: float, limits: AcceptConfig) -> NullBand:
    """The band of `runs` from start to stop: Student's prediction interval for one more run, with the level split among
    the statistics (Bonferroni), and never narrower than `limits.tolerance` of the centre.

    A run may lack a statistic (no cell fires three spikes, no two cells vary): the interval is that of the others.
    """
    from scipy.stats import t as student  # here, because it takes longer to import than everything else of ours

    gids = np.unique(np.concatenate([run.gid_set for run in runs]))
    counts = np.array([_counts(run.window(start_ms, stop_ms), gids) for run in runs])
    found = []
    for at, run in enumerate(runs):
        others = np.delete(counts, at, axis=0).mean(axis=0)
        found.append(statistics(run, start_ms, stop_ms, gids, others, limits))
    names, table = tuple(found[0]), np.array([list(each.values()) for each in found])
    there = ~np.isnan(table)
    n = there.sum(axis=0)
    share = limits.alpha / (2 * len(names))
    quantile = student.ppf(1 - share, np.maximum(n - 1, 1)) * np.sqrt(1 + 1 / np.maximum(n, 1))
    centre = np.where(there, table, 0.0).sum(axis=0) / np.maximum(n, 1)
    spread = np.sqrt(np.where(there, (table - centre) ** 2, 0.0).sum(axis=0) / np.maximum(n - 1, 1))
    half = np.maximum(quantile * spread, limits.tolerance * np.abs(centre))
    centre[n < FEWEST_RUNS] = np.nan
    return NullBand(start_ms, stop_ms, gids, counts.mean(axis=0), limits, names, centre, half, half, n < len(runs))


def statistics(
    raster: Raster, start_ms: float, stop_ms: float, gids: Gids, mean_counts: Floats, limits: AcceptConfig
) -> dict[str, float]:
    """Rates in Hz (all; groups of cells in the order of gids, because populations are numbered in a row; spans of
    time), mean ISI CV, mean pairwise correlation, and how far the counts of single cells are from `mean_counts`.
    """
    part, groups = raster.window(start_ms, stop_ms), limits.groups
    counts, seconds = _counts(part, gids), (stop_ms - start_ms) / 1000.0
    found = {"the rate (Hz)": len(part) / max(1, len(gids)) / seconds}
    for at, group in enumerate(np.array_split(counts, min(groups, len(gids)))):
        found[f"the rate of cells {at + 1}/{groups} (Hz)"] = float(group.mean()) / seconds
    spans = np.histogram(part.times_ms, groups, (start_ms, stop_ms))[0] * groups / max(1, len(gids)) / seconds
    for at, rate in enumerate(spans):
        found[f"the rate in time {at + 1}/{groups} (Hz)"] = float(rate)
    cvs = isi_cv(part)
    found["the ISI CV"] = float(np.nanmean(cvs)) if np.isfinite(cvs).any() else math.nan
    pairs = correlations(part, start_ms, stop_ms, bin_ms=max(limits.bin_ms, (stop_ms - start_ms) / 20_000), gids=gids)
    found["the pairwise correlation"] = float(pairs.mean()) if len(pairs) else math.nan
    strangers = len(part) - int(counts.sum())  # spikes of cells that no null run has
    variance = np.maximum(mean_counts, 1.0)
    found[PROFILE] = float(((counts - mean_counts) ** 2 / variance).sum() + strangers) / max(1, len(gids))
    return found


def _counts(raster: Raster, gids: Gids) -> Floats:
    at = np.searchsorted(gids, raster.gid_set)
    inside = at < len(gids)
    inside[inside] = gids[at[inside]] == raster.gid_set[inside]
    counts = np.zeros(len(gids))
    counts[at[inside]] = raster.counts()[inside]
    return counts
