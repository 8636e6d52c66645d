"""NEURON's raster as text: a spike a line, time and gid in either order.

Must never guess past a broken line: every line is a spike, a comment, blank, or an error with its number.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from autotune.errors import UsageError
from autotune.raster.raster import Raster, Times

ORDERS = ("time gid", "gid time")
_HEAD = 65_536
_CHUNK = 100_000
_COMMENT = ("#", "%", "//")
_GID_NAME = re.compile(r"(gids?|ids?|node_?ids?|cells?|cell_?ids?|neurons?|senders?)", re.IGNORECASE)
_TIME_NAME = re.compile(r"(t|times?|tvec|spike_?times?|timestamps?)([_ ]?\(?\[?ms\]?\)?)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Head:
    """What the first lines say: how many to skip, what separates columns, and the order if a header names it."""

    skip: int
    comma: bool
    order: str | None


def read_text(path: Path, columns: str | None = None) -> tuple[Times, Times]:
    """gids (as floats) and times in ms, each (n,), of a text file of two columns separated by blanks, tabs or commas.

    Blank lines and everything after `#` are skipped; at the top also comment lines with `%` or `//` and one line of
    known column names. The order of the columns is `columns` ("time gid" or "gid time") if given, else what the names
    at the top say, else the column with a fraction holds the times. If all numbers are whole, the one column that never
    decreases is taken for the times, for spikes are written in that order; if both or neither do, NEURON's habit `time
    gid` decides. gids are exact up to 2^53 here.

    Raises UsageError with file and line.
    """
    if columns not in (None, *ORDERS):
        raise UsageError(f"The columns cannot be {columns!r}.", cure=f"Say one of: {', '.join(ORDERS)}.")
    try:
        head = _read_head(path)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")
            with open(path, encoding="utf-8-sig") as lines:  # a name would be unpacked by its ending
                table = np.loadtxt(lines, ndmin=2, delimiter="," if head.comma else None, skiprows=head.skip)
    except UnicodeDecodeError as error:
        raise _no_text(path) from error
    except (ValueError, OverflowError) as error:
        raise _bad_line(path, head, str(error)) from error
    if not table.size:
        return np.empty(0), np.empty(0)
    if table.shape[1] != 2 or not np.isfinite(table).all():
        raise _bad_line(path, head, "not two columns of finite numbers")
    gid_column = (columns or head.order or _order(table)).split().index("gid")
    gids, times = table[:, gid_column], table[:, 1 - gid_column]
    broken = np.flatnonzero(gids != np.rint(gids))
    if len(broken):
        line, text = next(islice(_data_lines(path, head), int(broken[0]), None))
        raise UsageError(
            f"{path}, line {line}: no gid in {text!r}: {gids[broken[0]]} is not a whole number.",
            cure='A line holds a time in ms and a gid; if the order was taken wrongly, give columns="gid time".',
        )
    return gids, times


def write_text(file: IO[bytes], raster: Raster, separator: str = "\t") -> None:
    """`time gid` lines under a header that names them; the times come back bit for bit."""
    file.write(f"# time_ms{separator}gid\n".encode())
    for begin in range(0, len(raster), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        pairs = zip(raster.times_ms[part].tolist(), raster.gids[part].tolist(), strict=True)
        file.write("".join(f"{time!r}{separator}{gid}\n" for time, gid in pairs).encode())


def _read_head(path: Path) -> _Head:
    with open(path, "rb") as file:
        if b"\0" in file.read(_HEAD):
            raise _no_text(path)
    order, skip = None, 0
    with open(path, encoding="utf-8-sig") as lines:
        for skip, line in enumerate(lines):
            mark = next((mark for mark in _COMMENT if line.lstrip().startswith(mark)), "")
            named = _named_order(line.strip().removeprefix(mark))
            if line.strip() and not mark and (order is not None or named is None):
                return _Head(skip, "," in line, order)
            order = order or named
    return _Head(skip + 1, False, order)


def _named_order(line: str) -> str | None:
    words = [word.strip(" \t\"'") for word in (line.split(",") if "," in line else line.split())]
    for order, kinds in zip(ORDERS, ((_TIME_NAME, _GID_NAME), (_GID_NAME, _TIME_NAME)), strict=True):
        if len(words) == 2 and all(kind.fullmatch(word) for kind, word in zip(kinds, words, strict=True)):
            return order
    return None


def _order(table: Times) -> str:
    whole = [bool((column == np.rint(column)).all()) for column in table.T]
    if all(whole):
        rising = [bool((np.diff(column) >= 0).all()) for column in table.T]
        return ORDERS[1] if rising == [False, True] else ORDERS[0]
    return ORDERS[1] if whole[0] else ORDERS[0]


def _data_lines(path: Path, head: _Head) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every line that should be a spike."""
    with open(path, encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            if number > head.skip and text:
                yield number, text


def _bad_line(path: Path, head: _Head, problem: str) -> UsageError:
    """Look for the first line that is not a spike: slow, but only ever done to explain an error."""
    cure = "A line must hold a finite time in ms and a gid; the file may be torn: write it again."
    for number, text in _data_lines(path, head):
        words = text.split(",") if head.comma else text.split()
        try:
            good = len(words) == 2 and all(np.isfinite(float(word)) for word in words)
        except ValueError:
            good = False
        if not good:
            return UsageError(f"{path}, line {number}: not a spike: {text[:80]!r}.", cure=cure)
    return UsageError(f"{path}: {problem}.", cure=cure)


def _no_text(path: Path) -> UsageError:
    return UsageError(
        f"{path}, line 1: this is a binary file, no text.",
        cure="Text has two columns, time and gid; other formats are known by the extensions .npz and .h5.",
    )
