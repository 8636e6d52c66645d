"""Which trace of one run is which of another: the same place, or where the ranks are others, the one that is most
alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autotune.traces.files import Key, Traces

POINTS = 64  # of each trace, by which those of other ranks are known


def pairs(run: Traces, own: Traces) -> list[tuple[Key, Key]] | None:
    """A trace of `run` for each of `own`, in order; None where they are not as many."""
    mine, theirs = run.keys, own.keys
    if len(mine) != len(theirs):
        return None
    if mine == theirs:
        return list(zip(mine, theirs, strict=True))
    a, b = _looks(run, mine), _looks(own, theirs)
    scale = np.maximum(np.abs(b).max(axis=1, keepdims=True), 1e-300)
    far = np.array([np.sqrt(np.mean(((a - each) / size) ** 2, axis=1)) for each, size in zip(b, scale, strict=True)])
    from scipy.optimize import linear_sum_assignment  # here, because it takes long to import, and few studies need it

    rows, columns = linear_sum_assignment(np.nan_to_num(far, nan=1e300))
    return [(mine[column], theirs[row]) for row, column in zip(rows, columns, strict=True)]


def _looks(traces: Traces, keys: Sequence[Key]) -> NDArray[np.float64]:
    """What each looks like from a distance: so many values, evenly chosen."""
    looks = np.zeros((len(keys), POINTS))
    for row, key in enumerate(keys):
        values = traces.read(key).values
        if len(values):
            looks[row] = np.interp(np.linspace(0, 1, POINTS), np.linspace(0, 1, len(values)), values)
    return looks
