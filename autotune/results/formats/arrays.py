"""Named variables of two files, compared block by block: what HDF5, npy, npz, JSON and MATLAB files have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotune.results.measure import Apart, Gap, one_more

BLOCK = 1 << 20  # bytes of a block: as fits into the cache of a core
LONGEST_SORTED = 10_000_000  # values of a variable whose rows are put into order


@dataclass(frozen=True)
class Variable:
    """Something with a shape that can be read by rows; a number alone has none."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[slice], NDArray[Any]]
    """Rows of it; of a single value, itself."""
    step: int = 1
    """Rows are best read in multiples of so many."""

    def rows(self) -> int:
        return self.shape[0] if self.shape else 1

    @property
    def bytes(self) -> int:
        """How many it takes as a whole."""
        return math.prod(self.shape) * self.dtype.itemsize

    def whole(self) -> NDArray[Any]:
        return np.asarray(self.read(slice(0, self.rows())))

    def blocks(self) -> Iterator[slice]:
        """All rows, in blocks of about a megabyte."""
        each = max(1, self.dtype.itemsize) * math.prod(self.shape[1:])
        number = max(1, BLOCK // max(1, each))
        number = max(self.step, number - number % self.step)
        yield from (slice(at, min(at + number, self.rows())) for at in range(0, self.rows(), number))


Variables = Mapping[str, Variable]


def held(values: NDArray[Any]) -> Variable:
    """A variable that is in memory already."""
    return Variable(values.shape, values.dtype, lambda rows: values[rows] if values.ndim else values.reshape(1))


def compare(own: Variables, other: Variables) -> tuple[list[Apart], bool]:
    """What differs, and whether rows came in another order."""
    apart = [Apart(name, "is missing") for name in own if name not in other]
    apart += [Apart(name, "is not there in your run") for name in other if name not in own]
    reordered = False
    for names in _groups({name: own[name] for name in own if name in other}):
        found = [each for name in names if (each := compare_variable(name, own[name], other[name]))]
        if any(not each.problem for each in found) and len(names) > 1:
            sorted_found = _in_order(names, own, other)
            if sorted_found is not None:
                found, reordered = sorted_found, True
        apart += found
    return apart, reordered


def compare_variable(name: str, own: Variable, other: Variable) -> Apart | None:
    """How a variable differs; None if it does not."""
    if own.shape != other.shape:
        return _one_row_apart(name, own, other) or Apart(name, unlike(own.shape, other.shape))
    if own.dtype.kind != other.dtype.kind and not {own.dtype.kind, other.dtype.kind} <= set("iuf"):
        return Apart(name, f"holds {other.dtype}, in your run {own.dtype}")
    return _by_blocks(name, own, other, 0)


def _one_row_apart(name: str, own: Variable, other: Variable) -> Apart | None:
    """How the rows of both differ where one has one more at its end, along its first or its last axis."""
    if len(own.shape) != len(other.shape) or not own.shape:
        return None
    if own.shape[1:] == other.shape[1:] and (more := one_more(own.shape[0], other.shape[0])):
        return _by_blocks(name, own, other, more)
    more = one_more(own.shape[-1], other.shape[-1]) if own.shape[:-1] == other.shape[:-1] else 0
    if not more:
        return None
    shape = (*own.shape[:-1], min(own.shape[-1], other.shape[-1]))
    mine, theirs = (replace(each, shape=shape, read=_cut(each, shape[-1])) for each in (own, other))
    return _by_blocks(name, mine, theirs, more)


def _cut(variable: Variable, length: int) -> Callable[[slice], NDArray[Any]]:
    return lambda rows: variable.read(rows)[..., :length]


def _by_blocks(name: str, own: Variable, other: Variable, more: int) -> Apart | None:
    gap = Gap(name, more=more, across=len(own.shape) > 1 and own.shape[-1] > own.shape[0])
    for rows in (own if more >= 0 else other).blocks():
        gap.add(np.atleast_1d(own.read(rows)), np.atleast_1d(other.read(rows)))
    return gap.found()


def unlike(own: tuple[int, ...], other: tuple[int, ...]) -> str:
    """Two shapes that differ, in words."""
    if len(own) == len(other) and own[1:] == other[1:]:
        return f"{other[0]:,} rows, in your run {own[0]:,}"
    return f"shape {_shape(other)}, in your run {_shape(own)}"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "of a single value"


def _groups(own: Variables) -> Iterator[list[str]]:
    """Variables that are the columns of one table: of the same parent, in one dimension, equally long."""
    tables: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for name, variable in own.items():
        key = (name.rpartition("/")[0], variable.shape) if len(variable.shape) == 1 else (name, ())
        tables.setdefault(key, []).append(name)
    yield from tables.values()


def _in_order(names: list[str], own: Variables, other: Variables) -> list[Apart] | None:
    """What differs when both are put into the order of their whole numbers; None where that is not the difference."""
    if own[names[0]].rows() > LONGEST_SORTED or any(own[name].shape != other[name].shape for name in names):
        return None
    if any(table[name].dtype.kind not in "biuf" for name in names for table in (own, other)):
        return None
    tables = [{name: table[name].whole() for name in names} for table in (own, other)]
    ids = [name for name in names if all(_are_whole(table[name]) for table in tables)]
    if all(np.array_equal(tables[0][name], tables[1][name]) for name in ids):
        return None
    ordered = [sorted_rows(table, ids) for table in tables]
    if any(not np.array_equal(ordered[0][name], ordered[1][name]) for name in ids):
        return None
    return [each for name in names if (each := compare_variable(name, held(ordered[0][name]), held(ordered[1][name])))]


def _are_whole(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "iu" or bool(np.array_equal(values, np.rint(values)))


def sorted_rows(table: Mapping[str, NDArray[Any]], ids: list[str]) -> dict[str, NDArray[Any]]:
    """The rows of a table in the order of `ids`, then of its other columns."""
    keys = [*ids, *(name for name in table if name not in ids)]
    order = np.lexsort([table[name] for name in reversed(keys)])
    return {name: values[order] for name, values in table.items()}
