"""A chaotic network needs its whole run: what too little of it says, and which way its band may grow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.verify.band import band_of, null_band
from autotune.verify.error import Ruler


def poisson(seed: int, rate_hz: float, cells: int = 500) -> Raster:
    """A second of cells that fire at random."""
    random = np.random.default_rng(seed)
    spikes = random.poisson(cells * rate_hz)
    return Raster.from_arrays(random.integers(0, cells, spikes), random.uniform(0, 1000.0, spikes))


@pytest.mark.parametrize(("finest_hz", "inside", "outside"), [(60.0, (40.0, 55.0), 25.0), (25.0, (40.0, 27.0), 55.0)])
def test_the_band_grows_only_towards_the_finest_run(finest_hz, inside, outside) -> None:
    runs = [poisson(seed, 40.0) for seed in range(8)]
    band = null_band(runs[0], runs[1:], Ruler(1.0, 1000.0), AcceptConfig()).widened(poisson(50, finest_hz))
    assert [band.worst(poisson(99, rate)).excess <= 1 for rate in (*inside, outside)] == [True, True, False]
    assert band.worst(poisson(50, finest_hz)).excess <= 1


@pytest.mark.parametrize("stop_ms", [4.0, 6.0, 9.0])
def test_a_run_of_a_few_milliseconds_makes_no_band(stop_ms) -> None:
    runs = [poisson(seed, 100.0, cells=2000).window(-math.inf, stop_ms) for seed in range(8)]
    limits = AcceptConfig(least_spikes=1, resolution=9.0)
    assert null_band(runs[0], runs[1:], Ruler(1.0, stop_ms), limits) is None
    assert null_band(runs[0], runs[1:], Ruler(1.0, stop_ms), limits.model_copy(update={"bin_ms": 1.0})) is not None


def counted(*counts: int, stop_ms: float = 100.0) -> Raster:
    """Cell n fires counts[n] times: regularly, but for a shift of its own."""
    gids = np.repeat(np.arange(len(counts)), counts)
    times = np.concatenate([(np.arange(n) + 0.3 + 0.01 * at) * stop_ms / (n + 1) for at, n in enumerate(counts)])
    return Raster.from_arrays(gids, times)


def few_spikes(nulls: int, thrice: int) -> list[Raster]:
    """Runs of 40 cells that fire twice each; in the first `thrice` of them one fires three times and so has a CV."""
    return [counted(*([2] * 39), 3 if at < thrice else 2) for at in range(nulls)]


def band_for(runs: list[Raster]):
    return band_of(runs, 0.0, 100.0, AcceptConfig())


def excess_of(band, name: str, raster: Raster) -> float:
    return next(found.excess for found in band.deviations(raster) if found.name == name)


CV = "the ISI CV"


def test_a_statistic_that_every_run_has_must_be_there() -> None:
    band = band_for(few_spikes(8, thrice=8))
    assert excess_of(band, CV, few_spikes(1, thrice=1)[0]) == 0
    assert excess_of(band, CV, few_spikes(1, thrice=0)[0]) == math.inf
    assert "is missing, runs of the same model" in band.worst(few_spikes(1, thrice=0)[0]).text()


def test_one_that_some_runs_lack_may_be_missing_but_not_be_another() -> None:
    band = band_for(few_spikes(8, thrice=5))
    assert excess_of(band, CV, few_spikes(1, thrice=0)[0]) == 0
    assert excess_of(band, CV, few_spikes(1, thrice=1)[0]) <= 1
    bursting = Raster.from_arrays(np.repeat(np.arange(40), 3), np.tile([10.0, 11.0, 90.0], 40))
    assert excess_of(band, CV, bursting) > 1


@pytest.mark.parametrize("thrice", [0, 1, 2])
def test_one_that_hardly_any_run_has_is_not_looked_at(thrice) -> None:
    band = band_for(few_spikes(8, thrice))
    for other in (0, 1):
        assert excess_of(band, CV, few_spikes(1, other)[0]) == 0


def test_one_that_the_finest_run_lacks_may_be_missing() -> None:
    band = band_for(few_spikes(8, thrice=8))
    lacking = few_spikes(1, thrice=0)[0]
    assert excess_of(band.widened(lacking), CV, lacking) == 0


def test_the_correlation_of_a_single_cell_is_not_looked_at() -> None:
    runs = [Raster.from_arrays([0] * 50, np.sort(np.random.default_rng(seed).uniform(0, 100, 50))) for seed in range(8)]
    band = band_for(runs)
    assert math.isnan(band.centre[band.names.index("the pairwise correlation")])
    assert band.worst(runs[0]).excess <= 1
