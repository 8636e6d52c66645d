"""The histogram of shifts: spikes on a grid of dt shift by whole steps, and no bar may say otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from autotune.report.html.sections.shifts import BINS, bins


@pytest.mark.parametrize("steps", [4, 17, 31, 32, 200])
def test_each_bin_takes_as_many_steps_as_the_next(steps: int) -> None:
    shifts = np.repeat(np.arange(-2, steps - 2) * 0.025, 3) + 1e-10
    counts, edges = np.histogram(shifts, bins(shifts))
    assert counts.sum() == len(shifts)
    assert len(counts) <= BINS
    assert len(set(counts[:-1].tolist())) <= 1  # the last one takes what is left
    assert np.allclose(np.diff(edges), edges[1] - edges[0])


def test_shifts_on_no_grid_are_binned_evenly() -> None:
    shifts = np.random.default_rng(1).normal(0, 0.1, 1000)
    counts, edges = np.histogram(shifts, bins(shifts))
    assert (counts.sum(), len(counts)) == (1000, BINS)
    assert np.allclose(np.diff(edges), edges[1] - edges[0])


def test_one_shift_of_all_is_one_bar() -> None:
    assert np.histogram(np.full(5, 0.1), bins(np.full(5, 0.1)))[0].tolist() == [5]
