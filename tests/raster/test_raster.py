"""The raster type: a sorted, immutable multiset of spikes on a grid of 1e-9 ms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from autotune.errors import UsageError
from autotune.raster import Raster, merge
from autotune.raster.raster import ticks

GIDS = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 5)
DIGEST = "ea3b6054cdc9084734557e987e4acc447ec818f1bd84378861e4fa0f18ae1b9f"
TIMES = st.floats(-1e9, 1e9) | st.integers(-40, 4000).map(lambda k: k * 0.025 + 1e-10)


@st.composite
def spikes(draw: st.DrawFn, most: int = 60) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(0, most))
    return draw(npst.arrays(np.int64, size, elements=GIDS)), draw(npst.arrays(np.float64, size, elements=TIMES))


def as_multiset(r: Raster) -> list[tuple[float, int]]:
    return sorted(zip(r.times_ms.tolist(), r.gids.tolist(), strict=True))


def test_spikes_are_sorted_by_time_then_gid() -> None:
    r = Raster.from_arrays([3, 1, 2, 1], [2.0, 1.0, 1.0, 2.0])
    assert r.times_ms.tolist() == [1.0, 1.0, 2.0, 2.0]
    assert r.gids.tolist() == [1, 2, 1, 3]


@given(spikes())
def test_sorting_loses_and_adds_nothing(given_spikes: tuple[np.ndarray, np.ndarray]) -> None:
    r = Raster.from_arrays(*given_spikes)
    assert len(r) == len(given_spikes[0])
    assert sorted(r.gids.tolist()) == sorted(given_spikes[0].tolist())
    assert list(zip(r.times_ms.tolist(), r.gids.tolist(), strict=True)) == as_multiset(r)


@given(spikes(), st.integers(1, 5))
def test_merging_parts_gives_the_whole(given_spikes: tuple[np.ndarray, np.ndarray], ranks: int) -> None:
    gids, times = given_spikes
    parts = [Raster.from_arrays(gids[rank::ranks], times[rank::ranks]) for rank in range(ranks)]
    assert merge(parts) == Raster.from_arrays(gids, times)


def test_merging_many_slabs_with_ties_gives_the_whole() -> None:
    rng = np.random.default_rng(3)
    gids, times = rng.integers(-5, 50_000, 400_000), rng.integers(0, 4000, 400_000) * 0.025
    assert merge([Raster.from_arrays(gids[k::7], times[k::7]) for k in range(7)]) == Raster.from_arrays(gids, times)


def test_merging_nothing_is_an_empty_raster() -> None:
    assert len(merge([])) == 0
    assert len(merge([Raster.from_arrays([], [])] * 2)) == 0


def test_merging_holds_about_twice_the_data() -> None:
    import tracemalloc

    rng = np.random.default_rng(0)
    parts = [Raster.from_arrays(rng.integers(0, 1000, 250_000), rng.random(250_000) * 1000) for _ in range(8)]
    size = sum(r.gids.nbytes + r.times_ms.nbytes for r in parts)
    tracemalloc.start()
    merge(parts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.25 * size  # beside the parts themselves


def test_arrays_cannot_be_written_and_are_not_the_callers() -> None:
    gids, times = np.array([1, 2]), np.array([1.0, 2.0])
    r = Raster.from_arrays(gids, times)
    gids[0], times[0] = 9, 0.5
    assert r.gids.tolist() == [1, 2]
    assert r.times_ms.tolist() == [1.0, 2.0]
    for array in (r.gids, r.times_ms, r.gid_set, r.counts()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_equality_and_digest_ignore_what_nrn_adds_to_a_fixed_step() -> None:
    a, b = Raster.from_arrays([1, 2], [10.025, -0.0]), Raster.from_arrays([2, 1], [0.0, 10.025 + 1e-10])
    assert a == b
    assert a.digest() == b.digest()
    assert hash(a) == hash(b)


@pytest.mark.parametrize("other", [([1, 2], [0.0, 1.000000002]), ([1, 3], [0.0, 1.0]), ([1, 2, 2], [0.0, 1.0, 1.0])])
def test_equality_and_digest_see_every_spike(other: tuple[list[int], list[float]]) -> None:
    a, b = Raster.from_arrays([1, 2], [0.0, 1.0]), Raster.from_arrays(*other)
    assert a != b
    assert a.digest() != b.digest()


def test_the_digest_does_not_change_between_versions() -> None:
    assert Raster.from_arrays([1, -1], [0.025, 3.0]).digest() == DIGEST


@given(spikes())
def test_the_grid_is_idempotent(given_spikes: tuple[np.ndarray, np.ndarray]) -> None:
    r = Raster.from_arrays(*given_spikes)
    assert Raster.from_arrays(r.gids, r.times_ms) == r
    assert np.abs(r.times_ms - np.sort(given_spikes[1])).max(initial=0) <= 1e-9


def test_duplicates_and_negative_times_and_gids_are_spikes() -> None:
    r = Raster.from_arrays([-1, 4, 4], [-5.0, 1.0, 1.0])
    assert r.gid_set.tolist() == [-1, 4]
    assert r.counts().tolist() == [1, 2]
    assert repr(r) == "Raster(3 spikes of 2 gids)"


def test_gids_beyond_31_and_53_bits_are_kept() -> None:
    r = Raster.from_arrays(np.array([2**53 + 1, 2**31, 2**63 - 1], np.uint64), [1.0, 1.0, 1.0])
    assert r.gids.tolist() == [2**31, 2**53 + 1, 2**63 - 1]


def test_window_is_half_open() -> None:
    r = Raster.from_arrays([1, 2, 3], [1.0, 2.0, 3.0])
    assert r.window(1.0, 3.0).gids.tolist() == [1, 2]
    assert r.window(-np.inf, np.inf) == r
    assert len(r.window(5.0, 6.0)) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2e9])
def test_a_time_that_is_no_time_is_refused_with_its_place(bad: float) -> None:
    with pytest.raises(UsageError, match=r"spikes\.dat: spike 1 .*time"):
        Raster.from_arrays([1, 2], [1.0, bad], source="spikes.dat")


@pytest.mark.parametrize("gids", [[1.5], [np.nan], [2.0**60], ["a"], np.array([2**63], np.uint64), [None]])
def test_a_gid_that_is_not_whole_is_refused(gids: object) -> None:
    with pytest.raises(UsageError, match="whole numbers"):
        Raster.from_arrays(gids, [1.0])  # type: ignore[arg-type]


def test_gids_as_nrn_vectors_hold_them_are_accepted() -> None:
    assert Raster.from_arrays([3.0, -1.0], [1.0, 2.0]).gids.dtype == np.int64


@pytest.mark.parametrize(("gids", "times"), [([1, 2], [1.0]), ([[1]], [[1.0]]), (3, 1.0)])
def test_arrays_that_do_not_belong_together_are_refused(gids: object, times: object) -> None:
    with pytest.raises(UsageError, match="shape"):
        Raster.from_arrays(gids, times)  # type: ignore[arg-type]


def test_times_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="not numbers"):
        Raster.from_arrays([1], ["x"])


def test_ticks_are_exact_on_the_grid() -> None:
    assert ticks([0.025, 1000.1]).tolist() == [25_000_000, 1_000_100_000_000]
