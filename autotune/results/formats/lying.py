"""Tables that lie on their side: a few long lines with a number a step each, as hoc's Matrix.fprint writes them, with
or without its first line, which holds the numbers of rows and columns. Their variables are their lines.

A matrix that stands and has that first line is read by its columns. Such a file is held in memory.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autotune.results.formats.arrays import compare, held
from autotune.results.formats.digits import is_table, last_digit, parse, words
from autotune.results.measure import Apart

LONG = 256
"""Numbers in a line: a table of fewer columns stands."""
LARGEST = 128 << 20  # bytes
_MOST_DIGITS = 1000  # numbers of a line that are looked at for the last digit


def lying(file: Path) -> dict[str, NDArray[np.float64]] | None:
    """The lines of such a file, or the columns of a matrix that stands; None where it is neither."""
    rows, body = _body(file)
    if not body:
        return None
    values = parse(body, body.count(b"\n") + (not body.endswith(b"\n")))
    if values is None or (rows and len(values) != rows):
        return None
    if values.shape[1] > len(values) and (rows or values.shape[1] > LONG):
        return {f"line {number + 1}": line for number, line in enumerate(values)}
    return {f"column {number + 1}": column for number, column in enumerate(values.T)} if rows else None


def compare_lying(own: Path, other: Path) -> tuple[list[Apart], bool] | None:
    """What differs, and whether rows came in another order; None where one is no such file."""
    mine = lying(own)
    theirs = lying(other) if mine is not None else None
    if mine is None or theirs is None or mine.keys() != theirs.keys():
        return None
    found, reordered = compare(*({name: held(values) for name, values in each.items()} for each in (mine, theirs)))
    digits = _last_digits(own, list(mine))
    return [replace(_said(each, mine, theirs), resolution=digits[each.name]) for each in found], reordered


def _body(file: Path) -> tuple[int, bytes]:
    """How many rows the first line of a matrix names, 0 without one, and its numbers; empty for any other file."""
    if file.stat().st_size > LARGEST:
        return 0, b""
    with file.open("rb") as stream:
        first, second = stream.readline(), stream.readline()
        if not (is_table(first) and is_table(second)):
            return 0, b""
        shape, long = words(first), len(words(second))
        if len(shape) == 2 and all(each.isdigit() for each in shape) and int(shape[1]) == long != 2:
            return int(shape[0]), second + stream.read()
        return (0, first + second + stream.read()) if len(shape) > LONG else (0, b"")


def _last_digits(file: Path, names: list[str]) -> dict[str, float]:
    _, body = _body(file)
    lines = [numbers[:_MOST_DIGITS] for line in body.splitlines() if (numbers := words(line))]
    if not names[0].startswith("line"):
        lines = list(map(list, zip(*lines[:_MOST_DIGITS], strict=True)))
    return {name: max(map(last_digit, line)) for name, line in zip(names, lines, strict=True)}


def _said(apart: Apart, own: dict[str, NDArray[np.float64]], other: dict[str, NDArray[np.float64]]) -> Apart:
    """In a line that has another length, numbers and no rows are more or less."""
    lengths = [len(each[apart.name]) for each in (own, other)]
    if not apart.problem or lengths[0] == lengths[1]:
        return apart
    return replace(apart, problem=f"{lengths[1]:,} numbers, in your run {lengths[0]:,}")
