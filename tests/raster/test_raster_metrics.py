"""The measures between rasters, against plain definitions and known values."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from autotune.errors import UsageError
from autotune.raster import Raster, metrics
from autotune.raster.raster import ticks

DT_MS = 0.025
EMPTY = Raster.from_arrays([], [])
GIDS = st.sampled_from([-1, 0, 1, 7, 2**31 + 5, 2**62])
TRAINS = st.lists(st.tuples(GIDS, st.integers(-20, 60)), max_size=40)
WINDOWS = st.sampled_from([0.0, DT_MS, 3 * DT_MS, 0.3, 100.0, 1e12])


def on_steps(pairs: list[tuple[int, int]]) -> Raster:
    return Raster.from_arrays([g for g, _ in pairs], [k * DT_MS for _, k in pairs])


RASTERS = TRAINS.map(on_steps)


def most_pairs(a: Raster, b: Raster, window_ms: float) -> int:
    """The definition: the maximum matching of the graph of all spikes that may pair."""
    if not len(a) or not len(b):
        return 0
    ta, tb = ticks(a.times_ms).astype(object), ticks(b.times_ms).astype(object)
    close = np.abs(tb[None, :] - ta[:, None]) <= round(window_ms * 1e9)
    graph = csr_matrix((close & (a.gids[:, None] == b.gids[None, :])).astype(np.int8))
    return int((maximum_bipartite_matching(graph) >= 0).sum())


@given(RASTERS, RASTERS, WINDOWS)
@settings(max_examples=300)
def test_matching_finds_as_many_pairs_as_there_can_be(a: Raster, b: Raster, window_ms: float) -> None:
    found = metrics.match(a, b, window_ms)
    assert found.matched == most_pairs(a, b, window_ms)
    assert (found.missed, found.extra) == (len(a) - found.matched, len(b) - found.matched)
    assert len(found.shifts_ms) == found.matched
    assert np.abs(found.shifts_ms).max(initial=0) <= window_ms


@given(RASTERS, RASTERS, WINDOWS)
def test_distance_is_symmetric_and_shifts_change_sign(a: Raster, b: Raster, window_ms: float) -> None:
    there, back = metrics.match(a, b, window_ms), metrics.match(b, a, window_ms)
    assert there.distance == back.distance == metrics.distance(a, b, window_ms)
    assert 0 <= there.distance <= 1
    assert np.array_equal(there.shifts_ms, -back.shifts_ms)
    assert metrics.identical(a, b) == metrics.identical(b, a)
    assert metrics.first_divergence_ms(a, b) == metrics.first_divergence_ms(b, a)


@given(RASTERS, WINDOWS)
def test_a_raster_is_identical_to_itself(a: Raster, window_ms: float) -> None:
    again = Raster.from_arrays(a.gids, a.times_ms)
    assert metrics.identical(a, again)
    assert metrics.distance(a, again, window_ms) == 0.0
    assert metrics.first_divergence_ms(a, again) is None


@given(RASTERS, RASTERS, WINDOWS, st.integers(-1000, 100_000))
def test_shifting_both_changes_nothing(a: Raster, b: Raster, window_ms: float, steps: int) -> None:
    moved = [Raster.from_arrays(r.gids, r.times_ms + steps * DT_MS) for r in (a, b)]
    here, there = metrics.match(a, b, window_ms), metrics.match(*moved, window_ms)
    assert np.array_equal(here.shifts_ms, there.shifts_ms)
    assert here.distance == there.distance


@given(RASTERS.filter(len), st.integers(1, 40))
def test_shifting_one_is_measured_as_bias(a: Raster, steps: int) -> None:
    late = Raster.from_arrays(a.gids, a.times_ms + steps * DT_MS)
    found = metrics.match(a, late, steps * DT_MS)  # a shift of exactly the window is inside
    if len(set(zip(a.gids.tolist(), a.times_ms.tolist(), strict=True))) == len(a) == len(a.gid_set):
        assert found.distance == 0.0
        assert found.bias_ms == pytest.approx(steps * DT_MS, abs=1e-9)
        assert found.median_ms == pytest.approx(steps * DT_MS, abs=1e-9)
        assert found.max_abs_ms == pytest.approx(steps * DT_MS, abs=1e-9)
    assert metrics.first_divergence_ms(a, late) == a.times_ms[0]


@pytest.mark.parametrize("window_ms", [0.1, 2.0, 200.0])
@pytest.mark.parametrize("cells", [3, 3000])
def test_large_rasters_match_as_train_after_train_does(window_ms: float, cells: int) -> None:
    rng = np.random.default_rng(5)
    a, b = (Raster.from_arrays(rng.integers(0, cells, 150_000), rng.random(150_000) * 1e4) for _ in range(2))
    pairs = 0
    for gid in range(cells):
        mine, other = (ticks(r.times_ms[r.gids == gid]).tolist() for r in (a, b))
        i = j = 0
        while i < len(mine) and j < len(other):
            close = abs(other[j] - mine[i]) <= window_ms * 1e9
            pairs += close
            i, j = i + (close or mine[i] < other[j]), j + (close or other[j] < mine[i])
    assert metrics.match(a, b, window_ms).matched == pairs


def test_gids_are_taken_in_groups_where_numbers_would_overflow() -> None:
    gids = np.arange(40_000)
    a = Raster.from_arrays(gids, np.where(gids % 2, 0.0, 9e8))
    b = Raster.from_arrays(gids[1:], a.times_ms[np.argsort(a.gids)][1:] + 1.0)
    found = metrics.match(a, b, 1.5)
    assert (found.matched, found.missed, found.extra) == (39_999, 1, 0)
    assert found.bias_ms == pytest.approx(1.0)


def test_spikes_of_other_gids_never_pair() -> None:
    a, b = Raster.from_arrays([1, 2], [1.0, 2.0]), Raster.from_arrays([3, 4], [1.0, 2.0])
    assert metrics.distance(a, b, 1000.0) == 1.0


def test_duplicate_spikes_pair_one_to_one() -> None:
    a, b = Raster.from_arrays([1, 1, 1], [1.0, 1.0, 1.0]), Raster.from_arrays([1, 1], [1.0, 1.0])
    found = metrics.match(a, b, 0.5)
    assert (found.matched, found.missed, found.extra) == (2, 1, 0)
    assert found.distance == pytest.approx(1 / 5)


def test_empty_rasters() -> None:
    one = Raster.from_arrays([1], [1.0])
    assert metrics.distance(EMPTY, one, 1.0) == metrics.distance(one, EMPTY, 1.0) == 1.0
    assert metrics.distance(EMPTY, EMPTY, 1.0) == 0.0
    assert metrics.first_divergence_ms(EMPTY, one) == 1.0
    found = metrics.match(EMPTY, one, 1.0)
    assert np.isnan([found.bias_ms, found.median_ms, found.max_abs_ms, found.percentile_ms(95)]).all()


@pytest.mark.parametrize("window_ms", [-0.1, float("nan"), float("inf")])
def test_an_unusable_window_is_refused(window_ms: float) -> None:
    with pytest.raises(UsageError, match="window"):
        metrics.match(EMPTY, EMPTY, window_ms)


def test_percentiles_of_the_shifts() -> None:
    a = Raster.from_arrays(np.zeros(101, int), np.arange(101) * 10.0)
    b = Raster.from_arrays(np.zeros(101, int), np.arange(101) * 10.0 + np.arange(101) * 0.01)
    found = metrics.match(a, b, 1.0)
    assert found.percentile_ms(95) == pytest.approx(0.95)
    assert found.max_abs_ms == pytest.approx(1.0)
    assert found.median_ms == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("b", "parted"),
    [
        (([1, 2, 3], [1.0, 2.0, 3.5]), 3.0),
        (([1, 2], [1.0, 2.0]), 3.0),
        (([1, 2, 3, 9], [1.0, 2.0, 3.0, 8.0]), 8.0),
        (([1, 4, 3], [1.0, 2.0, 3.0]), 2.0),
        (([0, 1, 2, 3], [0.5, 1.0, 2.0, 3.0]), 0.5),
    ],
)
def test_time_of_first_divergence(b: tuple[list[int], list[float]], parted: float) -> None:
    a = Raster.from_arrays([1, 2, 3], [1.0, 2.0, 3.0])
    assert metrics.first_divergence_ms(a, Raster.from_arrays(*b)) == parted


def test_first_divergence_beyond_the_first_chunk() -> None:
    times = np.arange(2_100_000) * DT_MS
    other = times.copy()
    other[2_000_000] += 0.01
    a, b = (Raster.from_arrays(np.zeros(len(times), int), t) for t in (times, other))
    assert metrics.first_divergence_ms(a, b) == pytest.approx(times[2_000_000])


def test_rates_count_spikes_of_silent_gids_too() -> None:
    r = Raster.from_arrays([1, 1, 5], [1.0, 2.0, 3.0])
    assert metrics.rates(r, 500.0).tolist() == [4.0, 2.0]
    assert metrics.rates(r, 500.0, np.array([0, 1, 5, 9])).tolist() == [0.0, 4.0, 2.0, 0.0]
    assert metrics.rates(EMPTY, 500.0, np.array([3])).tolist() == [0.0]
    with pytest.raises(UsageError, match="No rates"):
        metrics.rates(r, 0.0)


def test_isi_cv_of_a_clock_a_poisson_process_and_a_lone_spike() -> None:
    rng = np.random.default_rng(1)
    clock, noise = np.arange(5000) * 10.0, np.cumsum(rng.exponential(10.0, 5000))
    gids = np.repeat([1, 2, 3], [5000, 5000, 1])
    clock_cv, noise_cv, lone_cv = metrics.isi_cv(Raster.from_arrays(gids, np.concatenate((clock, noise, [4.0]))))
    assert clock_cv == pytest.approx(0.0, abs=1e-9)
    assert noise_cv == pytest.approx(1.0, abs=0.05)
    assert np.isnan(lone_cv)
    assert len(metrics.isi_cv(EMPTY)) == 0


def test_correlations_see_copies_and_independence() -> None:
    rng = np.random.default_rng(2)
    one, two = rng.random(3000) * 10_000, rng.random(3000) * 10_000
    r = Raster.from_arrays(np.repeat([1, 2, 3], 3000), np.concatenate((one, one, two)))
    pairs = metrics.correlations(r, 0.0, 10_000.0)
    assert pairs[0] == pytest.approx(1.0)
    assert np.abs(pairs[1:]).max() < 0.1
    some = metrics.correlations(r, 0.0, 10_000.0, sample=2, seed=4)
    assert len(some) == 1
    assert some.tolist() == metrics.correlations(r, 0.0, 10_000.0, sample=2, seed=4).tolist()
    assert len(metrics.correlations(r, 0.0, 10_000.0, gids=np.array([1, 99]))) == 0  # 99 is constant
    assert len(metrics.correlations(EMPTY, 0.0, 100.0)) == 0


@pytest.mark.parametrize("bin_ms", [0.0, -1.0, 80.0])
def test_correlations_need_bins(bin_ms: float) -> None:
    with pytest.raises(UsageError, match="bins"):
        metrics.correlations(EMPTY, 0.0, 100.0, bin_ms=bin_ms)


def test_spike_distance_grows_with_the_shift() -> None:
    pytest.importorskip("pyspike")
    rng = np.random.default_rng(3)
    gids, times = rng.integers(0, 20, 600), rng.random(600) * 1000
    a = Raster.from_arrays(gids, times)
    near, far = (Raster.from_arrays(gids, np.clip(times + s, 0, 1000)) for s in (0.5, 10.0))
    found = [metrics.spike_distance(a, r, 0.0, 1000.0) for r in (a, near, far, EMPTY)]
    assert found[0] == 0.0
    assert 0.0 < found[1] < found[2] < 1.0
    assert found[3] > found[2]
    assert metrics.spike_distance(near, a, 0.0, 1000.0) == pytest.approx(found[1])
    assert np.isnan(metrics.spike_distance(EMPTY, EMPTY, 0.0, 1000.0))


def test_spike_distance_without_pyspike_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspike", None)
    with pytest.raises(UsageError, match="PySpike") as caught:
        metrics.spike_distance(EMPTY, EMPTY, 0.0, 1.0)
    assert "pip install pyspike" in caught.value.cure
