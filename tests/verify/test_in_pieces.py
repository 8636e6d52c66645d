"""Rasters are judged some cells at a time, and the verdict is that of a plain comparison of all spikes at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.raster import Raster, metrics, pairing
from autotune.verify.error import Ruler

END_MS = 2.0
STEP_MS = 0.025
TRAINS = st.lists(st.tuples(st.sampled_from([-1, 0, 1, 2, 3, 7, 2**40]), st.integers(0, 80)), max_size=40)
RULERS = st.builds(Ruler, st.sampled_from([STEP_MS, 0.1, 0.3]), st.just(END_MS))


def on_steps(pairs: list[tuple[int, int]]) -> Raster:
    return Raster.from_arrays([g for g, _ in pairs], [k * STEP_MS for _, k in pairs])


@contextmanager
def pieces(held: int, block: int) -> Iterator[None]:
    with mock.patch.object(pairing, "HELD", held), mock.patch.object(pairing, "_BLOCK", block):
        yield


def trains(raster: Raster) -> dict[int, list[float]]:
    found: dict[int, list[float]] = defaultdict(list)
    for gid, time_ms in zip(raster.gids.tolist(), raster.times_ms.tolist(), strict=True):
        found[gid].append(time_ms)
    return found


def plainly(ruler: Ruler, a: Raster, b: Raster) -> dict[str, object]:
    """What the ruler says, by its definition: cell by cell, spike by spike, all at once."""
    mine, other = trains(a), trains(b)
    shifts: dict[int, list[float]] = {}
    alone: dict[int, tuple[list[float], list[float]]] = {}
    window = round(ruler.window_ms * 1e9)
    for gid in {*mine, *other}:
        left, right = mine[gid], other[gid]
        shifts[gid], alone[gid] = [], ([], [])
        i = j = 0
        while i < len(left) and j < len(right):
            apart = round(right[j] * 1e9) - round(left[i] * 1e9)
            if abs(apart) <= window:
                shifts[gid].append(right[j] - left[i])
            elif apart > 0:
                alone[gid][0].append(left[i])
            else:
                alone[gid][1].append(right[j])
            i, j = i + (apart >= -window), j + (apart <= window)
        alone[gid][0].extend(left[i:])
        alone[gid][1].extend(right[j:])
    every = [shift for of in shifts.values() for shift in of]
    largest = max([0.0, *every]), -min([0.0, *every])
    counted: list[list[float]] = [[], []]
    errors = {gid: list(map(abs, of)) for gid, of in shifts.items()}
    for gid, of in alone.items():
        for side, whole in enumerate((mine[gid], other[gid])):
            excused_ms = min(ruler.window_ms, max(ruler.floor_ms, ruler.tail * largest[side]))
            missing = of[side]
            if missing and missing[-1] == whole[-1] and missing[-1] >= ruler.end_ms - excused_ms:
                missing = missing[:-1]
            counted[side] += missing
            errors[gid] += [ruler.window_ms] * len(missing)
    return {
        "alone": (len(counted[0]), len(counted[1])),
        "error_ms": max((sum(of) / len(of) for of in errors.values() if of), default=0.0),
        "parting_ms": min([*counted[0], *counted[1]], default=ruler.end_ms),
        "shifts_ms": (max(map(abs, every)), sum(map(abs, every)) / len(every)) if every else None,
    }


@given(
    TRAINS.map(on_steps), TRAINS.map(on_steps), RULERS, st.sampled_from([2, 8, 1 << 24]), st.sampled_from([2, 65_536])
)
def test_pieces_say_what_the_whole_says(a: Raster, b: Raster, ruler: Ruler, held: int, block: int) -> None:
    with pieces(held, block):
        found = {name: getattr(ruler, name)(a, b) for name in ("alone", "error_ms", "parting_ms", "shifts_ms")}
    for name, expected in plainly(ruler, a, b).items():
        assert found[name] == (expected if expected is None else pytest.approx(expected, rel=1e-12, abs=0)), name


@given(TRAINS.map(on_steps), TRAINS.map(on_steps), st.sampled_from([2, 8]))
def test_cells_that_moved_and_how_steadily_they_fire_are_found_in_pieces(a: Raster, b: Raster, held: int) -> None:
    with pieces(held, 2):
        moved, steadiness = metrics.moved(a, b), metrics.isi_cv(a)
    mine, other = trains(a), trains(b)
    assert set(moved.gids.tolist()) == {gid for gid in mine if mine[gid] != other[gid]}
    assert len(moved) == sum(len(mine[gid]) for gid in set(moved.gids.tolist()))
    intervals = {gid: np.diff(mine[gid]) for gid in sorted(mine)}
    known = [of.std() / of.mean() if len(of) > 1 and of.mean() > 0 else np.nan for of in intervals.values()]
    assert steadiness == pytest.approx(known, nan_ok=True, rel=1e-6, abs=1e-9)
