"""Text files line by line: numbers by their column, words as they are, in blocks of some megabytes.

A block that is a table of numbers is parsed as a whole; of every other block only the lines that differ are looked at.
What a line says in words must be the same, but for dates and times of day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from autotune.results.formats.arrays import compare, held
from autotune.results.formats.dates import without_dates
from autotune.results.formats.digits import is_table, last_digit, parse, resolutions_of
from autotune.results.formats.lying import compare_lying, lying
from autotune.results.measure import MOST_VARIABLES, Apart, Gap, one_more

BLOCK = 4 << 20
LARGEST_SORTED = 128 << 20  # bytes of a file whose rows are put into order
HEADER = 200
"""So many lines at the top may be no numbers."""
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan\b|inf\b)", re.IGNORECASE)
_SHOWN = 60
MOST_COLUMNS = 256
"""So many columns are told apart; of a wider table some neighbours are one variable."""
SUMS_AGREE = 1e-9  # of the largest number, for each row: the rounding of a sum


def compare_text(own: Path, other: Path) -> tuple[list[Apart], bool]:
    """What differs, and whether rows came in another order."""
    sideways = compare_lying(own, other)
    if sideways is not None:
        return sideways
    with own.open("rb") as mine, other.open("rb") as theirs:
        pages = _Pages()
        for a, b in _side_by_side(mine, theirs):
            pages.add(a, b)
    found = pages.found()
    sizes = own.stat().st_size, other.stat().st_size
    if found and not pages.uneven and sizes[0] == sizes[1] and pages.sums_agree and _same_lines(own, other):
        return [], True
    if found and pages.whole_differ and max(sizes) <= LARGEST_SORTED:
        sorted_found = _in_order(own, other, found)
        if sorted_found is not None:
            return sorted_found, True
    return found, False


def table(file: Path, *, every: bool = False) -> dict[str, NDArray[np.float64]] | None:
    """What is told apart in a file that is a table of numbers below its header; None where it is none. `every`: each
    column, also of a wide one.
    """
    sideways = lying(file)
    if sideways is not None:
        return sideways
    whole = file.read_bytes()
    head = _first_lines(whole, _top(whole))
    body = whole[len(head) :]
    values = parse(body, body.count(b"\n") + (not body.endswith(b"\n")))
    if values is None:
        return None
    header = head.decode("utf-8", "replace").splitlines()
    names = column_names(header, values.shape[1])
    return (
        dict(zip(names, values.T, strict=True)) if every else {name: values[:, at] for name, at in _told_apart(names)}
    )


def column_names(header: Sequence[str], columns: int) -> list[str]:
    """What the last line of a header calls the columns, if it names as many as there are."""
    names = re.split(r"[,;\t ]+", header[-1].strip("# \t\r\n")) if header else []
    if len(names) == columns:
        return [name.strip("\"'") for name in names]
    return [f"column {number + 1}" for number in range(columns)]


def _told_apart(names: Sequence[str]) -> list[tuple[str, int | slice]]:
    """The columns of a table by their names, or as many neighbours of a wide one as make it narrow."""
    each = -(-len(names) // MOST_COLUMNS)
    if each == 1:
        return [(name, number) for number, name in enumerate(names)]
    firsts = range(0, len(names), each)
    return [(f"{names[at]} to {names[min(at + each, len(names)) - 1]}", slice(at, at + each)) for at in firsts]


def _are_whole(values: NDArray[np.float64]) -> bool:
    return bool(np.array_equal(values, np.rint(values)))


class _Pages:
    """What has been found so far."""

    def __init__(self) -> None:
        self.uneven = False
        self._lines = [0, 0]
        self._header: list[str] = []
        self._names: list[str] = []  # of the columns
        self._gaps: dict[str, Gap] = {}
        self._words: list[Apart] = []
        self._no_whole: set[str] = set()  # columns with other numbers than whole ones

    def add(self, own: bytes, other: bytes) -> None:
        """Two blocks of as many lines; where one file has ended, what is left of the other."""
        numbers = [own.count(b"\n") + (not own.endswith(b"\n") and own != b""), other.count(b"\n")]
        numbers[1] += not other.endswith(b"\n") and other != b""
        if numbers[0] != numbers[1]:
            self.uneven = True
        elif own != other or self._lines[0] == 0:
            self._compare(own, other, numbers[0])
        elif any(gap.rows for gap in self._gaps.values()):
            self._same(own, numbers[0])
        for side in (0, 1):
            self._lines[side] += numbers[side]

    @property
    def sums_agree(self) -> bool:
        """Whether these may be the same lines in another order: no column has another sum."""
        return all(abs(gap.sum) <= SUMS_AGREE * gap.size * max(self._lines) for gap in self._gaps.values())

    @property
    def whole_differ(self) -> bool:
        """Whether whole numbers differ, by which rows can be put into order, or something that is no table."""
        return self.uneven or any(gap.different for name, gap in self._gaps.items() if name not in self._no_whole)

    def found(self) -> list[Apart]:
        more = one_more(*self._lines)
        if self.uneven and not more:
            rows = f"{self._lines[1]:,} lines, in your run {self._lines[0]:,}"
            return [Apart("lines", rows)]
        numbers = (each for gap in self._gaps.values() if (each := gap.found()))
        last = [Apart("lines", rows=more)] if more else []
        return [*last, *self._words, *numbers]

    def _same(self, block: bytes, lines: int) -> None:
        """A block that is the same in both still counts for how far a column is filled."""
        values = parse(block, lines)
        if values is not None:
            for gap, at in self._columns(values.shape[1]):
                gap.add(values[:, at], values[:, at])

    def _compare(self, own: bytes, other: bytes, lines: int) -> None:
        if self._lines[0] == 0:
            top = _top(own)
            if top:
                heads = [_first_lines(block, top) for block in (own, other)]
                self._header = heads[0].decode("utf-8", "replace").splitlines()
                self._by_line(heads[0], heads[1], 0)
                own, other, lines = own[len(heads[0]) :], other[len(heads[1]) :], lines - top
        if not lines:
            return
        mine, theirs = parse(own, lines), parse(other, lines)
        if mine is None or theirs is None or mine.shape != theirs.shape:
            self._by_line(own, other, self._lines[0])
            return
        resolutions: NDArray[np.float64] | None = None
        for gap, at in self._columns(mine.shape[1]):
            if not gap.rows:
                resolutions = np.array(resolutions_of(own, mine.shape[1])) if resolutions is None else resolutions
                gap.resolution = float(np.max(resolutions[at]))
            gap.add(mine[:, at], theirs[:, at])
            if gap.name not in self._no_whole and not _are_whole(mine[:, at]):
                self._no_whole.add(gap.name)

    def _columns(self, columns: int) -> Iterator[tuple[Gap, int | slice]]:
        """What is told apart of a block's columns, and where it stands."""
        if len(self._names) != columns:
            self._names = column_names(self._header, columns)
        for name, at in _told_apart(self._names):
            yield self._gaps.setdefault(name, Gap(name)), at

    def _by_line(self, own: bytes, other: bytes, before: int) -> None:
        """The lines that differ, one by one."""
        pairs = zip(own.splitlines(), other.splitlines(), strict=False)
        for number, (a, b) in enumerate(pairs, start=before + 1):
            if a != b:
                self._line(a.decode("utf-8", "replace"), b.decode("utf-8", "replace"), number)

    def _line(self, own: str, other: str, number: int) -> None:
        a, b = without_dates(own), without_dates(other)
        if a == b:
            return
        words = [NUMBER.sub("#", line).split() for line in (a, b)]
        if words[0] != words[1]:
            if len(self._words) < MOST_VARIABLES:
                self._words.append(Apart(f"line {number}", f"'{b.strip()[:_SHOWN]}' for '{a.strip()[:_SHOWN]}'"))
            return
        skeleton = " ".join(words[0])[:_SHOWN] if set(words[0]) != {"#"} else "# …"
        if len(self._gaps) >= MOST_VARIABLES:
            skeleton = "other lines"
        gap = self._gaps.setdefault(f"'{skeleton}'", Gap(f"'{skeleton}'"))
        texts = NUMBER.findall(a)
        gap.resolution = max([gap.resolution, *map(last_digit, texts)])
        mine, theirs = (np.array(list(map(float, NUMBER.findall(line)))) for line in (a, b))
        gap.add(mine, theirs)


def _top(block: bytes) -> int:
    """How many lines at the beginning are no table of numbers; 0 where no table follows."""
    for number, line in enumerate(block.split(b"\n", HEADER)[:HEADER]):
        if line.strip() and is_table(line):
            return number
    return 0


def _first_lines(block: bytes, number: int) -> bytes:
    at = -1
    for _ in range(number):
        at = block.find(b"\n", at + 1)
        if at < 0:
            return block
    return block[: at + 1]


def _side_by_side(own: BinaryIO, other: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Both files in blocks of as many lines, then what is left of the longer one."""
    mine = theirs = b""
    while True:
        more = own.read(BLOCK) if len(mine) < BLOCK else b"", other.read(BLOCK) if len(theirs) < BLOCK else b""
        mine, theirs = mine + more[0], theirs + more[1]
        lines = min(mine.count(b"\n"), theirs.count(b"\n"))
        if not lines:
            if more == (b"", b""):
                break
            continue
        ends = [_end_of_line(block, lines) for block in (mine, theirs)]
        yield mine[: ends[0]], theirs[: ends[1]]
        mine, theirs = mine[ends[0] :], theirs[ends[1] :]
    while mine or theirs:
        yield mine, theirs
        mine, theirs = own.read(BLOCK), other.read(BLOCK)


def _end_of_line(block: bytes, number: int) -> int:
    """Where the line of this number, from 1, ends."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
    return int(ends[number - 1]) + 1


def _same_lines(own: Path, other: Path) -> bool:
    """Whether both hold the same lines, in whatever order."""
    sums = []
    for file in (own, other):
        with file.open("rb") as stream:
            sums.append(_sum_of_hashes(stream))
    return sums[0] == sums[1]


def _sum_of_hashes(stream: BinaryIO) -> tuple[int, int]:
    total = count = 0
    for line in stream:
        count += 1
        total = (total + hash(line)) & 0xFFFFFFFFFFFFFFFF
    return total, count


def _in_order(own: Path, other: Path, known: list[Apart]) -> list[Apart] | None:
    """What differs when rows are put into the order of their whole numbers; None where that is not the difference."""
    mine, theirs = table(own, every=True), table(other, every=True)
    if mine is None or theirs is None or mine.keys() != theirs.keys():
        return None
    resolutions = {each.name: each.resolution for each in known}
    columns = ({name: held(values) for name, values in each.items()} for each in (mine, theirs))
    found, reordered = compare(*columns)
    return [replace(each, resolution=resolutions.get(each.name, 0.0)) for each in found] if reordered else None
