"""Every second or fourth row of a file: what a model that writes one a step shows at dt/2 and dt/4 of its own rows.

Such files have the structure of the user's own but for how many rows there are, and the numbers beside the same times
are the error of the user's dt. They serve as a yardstick only: a trial must write as many rows as the user's run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from autotune.results.formats.arrays import Variable, Variables, compare_variable
from autotune.results.measure import LEAST_ROWS, Apart

TIMES = (2, 4)
"""So many times as many rows as the user's own file."""


def thinned(own: Variables, other: Variables) -> tuple[Apart, ...]:
    """How the variables differ of which `other` holds a multiple of rows, along the first or the last axis: each row
    beside the one of the same step. Whether a file begins before or after the first step is seen in the rows that agree
    better, in the times that it holds before all.
    """
    found = [_from(own, other, after=after) for after in (False, True)]
    return min(found, key=lambda each: (len(each), sum(apart.total for apart in each)))


def _from(own: Variables, other: Variables, *, after: bool) -> tuple[Apart, ...]:
    apart = []
    for name in own.keys() & other.keys():
        mine, theirs = own[name], other[name]
        if len(mine.shape) != len(theirs.shape) or not mine.shape or mine.dtype.kind not in "biuf":
            continue
        for axis in {0, len(mine.shape) - 1}:
            rest = [shape[:axis] + shape[axis + 1 :] for shape in (mine.shape, theirs.shape)]
            times = _times(mine.shape[axis], theirs.shape[axis])
            if rest[0] == rest[1] and times:
                apart.append(compare_variable(name, *_side_by_side(mine, theirs, axis, times, after=after)))
    return tuple(each for each in apart if each is not None)


def _times(own: int, other: int) -> int:
    """How many times as many rows; 0 where that is none of `TIMES`. Two rows may come before or after the steps."""
    return next((each for each in TIMES if own >= LEAST_ROWS and -2 * (each - 1) <= other - each * own <= each), 0)


def _side_by_side(own: Variable, other: Variable, axis: int, times: int, *, after: bool) -> tuple[Variable, Variable]:
    first = times - 1 if after else 0
    length = min(own.shape[axis], 1 + (other.shape[axis] - 1 - first) // times)
    shape = (*own.shape[:axis], length, *own.shape[axis + 1 :])
    rows = _rows if axis == 0 else _across
    return (
        replace(own, shape=shape, read=rows(own, 0, 1, length)),
        replace(other, shape=shape, read=rows(other, first, times, length)),
    )


def _rows(variable: Variable, first: int, times: int, length: int) -> Callable[[slice], NDArray[Any]]:
    def read(rows: slice) -> NDArray[Any]:
        return variable.read(slice(first + times * rows.start, first + times * (rows.stop - 1) + 1))[::times]

    return read


def _across(variable: Variable, first: int, times: int, length: int) -> Callable[[slice], NDArray[Any]]:
    return lambda rows: variable.read(rows)[..., first::times][..., :length]
