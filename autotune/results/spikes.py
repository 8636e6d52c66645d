"""Files that hold the spikes of their run: times beside gids, in a text, JSON, npz, MATLAB or HDF5 file.

What such a file says is judged with the spikes themselves, whose number and order may change with dt. It must hold all
spikes of its run, or all of some cells, in both runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotune.raster import Raster
from autotune.results.formats.text import table
from autotune.results.measure import NotUnderstood
from autotune.results.pair import reader
from autotune.untrusted import BROKEN, check_claim

LARGEST = 128 << 20  # bytes of a file
PRECISION_MS = 5e-3  # times may be printed with two decimals
Columns = dict[str, NDArray[Any]]


def hold_their_spikes(own: Path, own_spikes: Raster, other: Path, other_spikes: Raster) -> bool:
    """Whether both files are of one layout and each holds the spikes of its own run, and nothing else that differs."""
    if not len(own_spikes) or not len(other_spikes) or max(own.stat().st_size, other.stat().st_size) > LARGEST:
        return False
    try:
        mine, theirs = _read(own), _read(other)
    except (NotUnderstood, *BROKEN):
        return False
    if mine.keys() != theirs.keys():
        return False
    spikes: set[str] = set()
    for time, gid in _candidates(mine):
        if _holds(mine[time], mine[gid], own_spikes) and _holds(theirs[time], theirs[gid], other_spikes):
            spikes |= {time, gid}
    rest = mine.keys() - spikes
    return bool(spikes) and all(np.array_equal(mine[name], theirs[name]) for name in rest)


def _read(file: Path) -> Columns:
    read = reader(file)
    if read is None:
        return dict(table(file) or {})
    with read(file) as variables:
        check_claim(sum(variable.bytes for variable in variables.values()), file.stat().st_size)
        return {name: variable.whole() for name, variable in variables.items()}


def _candidates(columns: Columns) -> Iterator[tuple[str, str]]:
    """Pairs of columns of one table, of which the second holds whole numbers."""
    flat = [name for name, values in columns.items() if values.ndim == 1 and values.size and values.dtype.kind in "iuf"]
    whole = [name for name in flat if np.array_equal(columns[name], np.rint(columns[name]))]
    for gid in whole:
        for time in flat:
            beside = time.rpartition("/")[0] == gid.rpartition("/")[0]
            if time != gid and beside and len(columns[time]) == len(columns[gid]):
                yield time, gid


def _holds(times: NDArray[Any], gids: NDArray[Any], spikes: Raster) -> bool:
    """Whether these are all spikes of the run, or all of the cells that are named; where cells are numbered in another
    way, as SONATA does in each population, all times.
    """
    times, gids = np.asarray(times, np.float64), np.asarray(gids, np.int64)
    theirs = np.isin(spikes.gids, gids)
    if np.count_nonzero(theirs) == len(times):
        order, own = np.lexsort((times, gids)), np.lexsort((spikes.times_ms[theirs], spikes.gids[theirs]))
        same = np.array_equal(gids[order], spikes.gids[theirs][own])
        if same and np.allclose(times[order], spikes.times_ms[theirs][own], rtol=0, atol=PRECISION_MS):
            return True
    if len(times) != len(spikes):
        return False
    return bool(np.allclose(np.sort(times), np.sort(spikes.times_ms), rtol=0, atol=PRECISION_MS))
