"""Files that hold the spikes of their run: times beside gids, in a text, JSON, npz, MATLAB or HDF5 file.

What of a file is these spikes is judged with the spikes themselves, whose number and order may change with dt. It must
hold all spikes of its run, or all of some cells, in both runs; the rest of the file is compared as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotune.raster import Raster
from autotune.results.formats.text import table
from autotune.results.measure import Measured, NotUnderstood
from autotune.results.pair import reader
from autotune.untrusted import BROKEN, check_claim

LARGEST = 128 << 20  # bytes of a file
PRECISION_MS = 5e-3  # times may be printed with two decimals
Columns = dict[str, NDArray[Any]]


def without_spikes(found: Measured, own: Path, own_spikes: Raster, other: Path, other_spikes: Raster) -> Measured:
    """A file that differs, without what in both is the spikes of its own run; `presence` is "spikes" where nothing else
    differs.
    """
    if not len(own_spikes) or not len(other_spikes) or max(own.stat().st_size, other.stat().st_size) > LARGEST:
        return found
    try:
        mine, theirs = _read(own), _read(other)
    except (NotUnderstood, *BROKEN):
        return found
    spikes: set[str] = set()
    for time, gid in _candidates(mine, theirs):
        if _holds(mine[time], mine[gid], own_spikes) and _holds(theirs[time], theirs[gid], other_spikes):
            spikes |= {time, gid}
    if not spikes:
        return found
    rest = (mine.keys() | theirs.keys()) - spikes
    if all(name in mine and name in theirs and np.array_equal(mine[name], theirs[name]) for name in rest):
        return Measured(found.name, "spikes", renamed=found.renamed)
    apart = tuple(each for each in found.apart if each.name not in spikes)
    return replace(found, apart=apart) if apart or found.reordered else replace(found, presence="spikes", apart=())


def _read(file: Path) -> Columns:
    read = reader(file)
    if read is None:
        return dict(table(file) or {})
    with read(file) as variables:
        check_claim(sum(variable.bytes for variable in variables.values()), file.stat().st_size)
        return {name: variable.whole() for name, variable in variables.items()}


def _candidates(mine: Columns, theirs: Columns) -> Iterator[tuple[str, str]]:
    """Pairs of columns of one table in both, of which the second holds whole numbers."""
    tables: dict[tuple[str, int, int], list[str]] = {}
    for name in mine.keys() & theirs.keys():
        if all(
            values.ndim == 1 and values.size and values.dtype.kind in "iuf" for values in (mine[name], theirs[name])
        ):
            tables.setdefault((name.rpartition("/")[0], len(mine[name]), len(theirs[name])), []).append(name)
    for names in tables.values():
        whole = [name for name in names if np.array_equal(mine[name], np.rint(mine[name]))]
        yield from ((time, gid) for gid in whole for time in names if time != gid)


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
