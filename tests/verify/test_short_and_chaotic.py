"""A chaotic network needs its whole run: what too little of it says, and which way its band may grow."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.search.short import shorten
from autotune.verify.band import null_band
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
    assert null_band(runs[0], runs[1:], Ruler(1.0, stop_ms), AcceptConfig(least_spikes=1, resolution=9.0)) is None


class Stoppable:
    """A runner of a model whose spikes are known, and that can be stopped anywhere."""

    def __init__(self, baseline: Raster) -> None:
        self.baseline = baseline

    def until(self, stop_ms: float) -> Stoppable:
        self.stop_ms = stop_ms
        return self

    def run(self) -> SimpleNamespace:
        part = self.baseline.window(-math.inf, self.stop_ms)
        return SimpleNamespace(raster=part, t_ms=self.stop_ms, reports=(SimpleNamespace(dt_ms=0.025),))


def test_only_a_regular_network_is_searched_on_a_part_of_its_run() -> None:
    baseline = poisson(0, 40.0)
    observation = SimpleNamespace(run_s=400.0, finitializes=1, facts=SimpleNamespace(t_stop_ms=1000.0))
    assert shorten(Stoppable(baseline), observation, baseline, 20.0, "regular").stop_ms == 50.0
    for regime in ("chaotic", "random"):
        short = shorten(Stoppable(baseline), observation, baseline, 20.0, regime)
        assert short.stop_ms is None
        assert f"the search uses the whole run: a {regime} network" in short.note


def test_the_part_holds_enough_spikes_before_its_last_window() -> None:
    baseline = Raster.from_arrays(np.arange(400), np.repeat([9.9, 800.0], 200))
    observation = SimpleNamespace(run_s=4e6, finitializes=1, facts=SimpleNamespace(t_stop_ms=1000.0))
    assert shorten(Stoppable(baseline), observation, baseline, 20.0, "regular").stop_ms == 12.0
