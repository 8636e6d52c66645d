"""Text files line by line: numbers by their column, words as they are, in blocks of some megabytes.

A block that is a table of numbers is parsed as a whole; of every other block only the lines that differ are looked at.
What a line says in words must be the same, but for dates and times of day.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from autotune.results.formats.arrays import compare, held
from autotune.results.formats.dates import without_dates
from autotune.results.measure import MOST_VARIABLES, Apart, Gap, one_more

BLOCK = 4 << 20
LARGEST_SORTED = 128 << 20  # bytes of a file whose rows are put into order
HEADER = 200
"""So many lines at the top may be no numbers."""
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan\b|inf\b)", re.IGNORECASE)
_TABLE = b"0123456789+-.eE ,;\t\r\n"
_BLANKS = bytes.maketrans(b",;\t", b"   ")
_SHOWN = 60
MOST_WORDS = 20_000
"""So many numbers are looked at for their last digits."""
SUMS_AGREE = 1e-9  # of the largest number, for each row: the rounding of a sum


def compare_text(own: Path, other: Path) -> tuple[list[Apart], bool]:
    """What differs, and whether rows came in another order."""
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


def table(file: Path) -> dict[str, NDArray[np.float64]] | None:
    """The columns of a file that is a table of numbers below its header; None where it is none."""
    whole = file.read_bytes()
    head = _first_lines(whole, _top(whole))
    body = whole[len(head) :]
    values = parse(body, body.count(b"\n") + (not body.endswith(b"\n")))
    if values is None:
        return None
    header = head.decode("utf-8", "replace").splitlines()
    return dict(zip(column_names(header, values.shape[1]), values.T, strict=True))


def column_names(header: Sequence[str], columns: int) -> list[str]:
    """What the last line of a header calls the columns, if it names as many as there are."""
    names = re.split(r"[,;\t ]+", header[-1].strip("# \t\r\n")) if header else []
    if len(names) == columns:
        return [name.strip("\"'") for name in names]
    return [f"column {number + 1}" for number in range(columns)]


def parse(block: bytes, lines: int) -> NDArray[np.float64] | None:
    """The numbers of a block of so many lines, a row a line; None where it holds anything else, or is ragged. Empty
    lines, as hoc's Vector.printf leaves at its end, are no rows.
    """
    lines -= block.count(b"\n\n") + block.startswith(b"\n")
    if not lines or not _is_table(block):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            values = np.fromstring(block.translate(_BLANKS).decode("ascii"), sep=" ")
        except (DeprecationWarning, ValueError):
            return None
    columns = len(block[: block.find(b"\n")].translate(_BLANKS).split()) if b"\n" in block else values.size
    return values.reshape(lines, columns) if columns and values.size == lines * columns else None


def _are_whole(values: NDArray[np.float64]) -> bool:
    return bool(np.array_equal(values, np.rint(values)))


def _is_table(block: bytes) -> bool:
    return not block.translate(None, _TABLE)


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
        return [*last, *self._words, *numbers][:MOST_VARIABLES]

    def _same(self, block: bytes, lines: int) -> None:
        """A block that is the same in both still counts for how far a column is filled."""
        values = parse(block, lines)
        for number in range(values.shape[1] if values is not None else 0):
            assert values is not None
            self._column(number, values.shape[1]).add(values[:, number], values[:, number])

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
        resolutions: list[float] = []
        for number in range(mine.shape[1]):
            gap = self._column(number, mine.shape[1])
            if not gap.rows:
                resolutions = resolutions or _resolutions(own, mine.shape[1])
                gap.resolution = resolutions[number]
            gap.add(mine[:, number], theirs[:, number])
            if gap.name not in self._no_whole and not _are_whole(mine[:, number]):
                self._no_whole.add(gap.name)

    def _column(self, number: int, columns: int) -> Gap:
        if len(self._names) != columns:
            self._names = column_names(self._header, columns)
        name = self._names[number]
        return self._gaps.setdefault(name, Gap(name))

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
        gap.resolution = max([gap.resolution, *map(_last_digit, texts)])
        mine, theirs = (np.array(list(map(float, NUMBER.findall(line)))) for line in (a, b))
        gap.add(mine, theirs)


def _top(block: bytes) -> int:
    """How many lines at the beginning are no table of numbers; 0 where no table follows."""
    for number, line in enumerate(block.split(b"\n", HEADER)[:HEADER]):
        if line.strip() and _is_table(line):
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


def _resolutions(block: bytes, columns: int) -> list[float]:
    """The last digit that each column of a table shows, in its first lines: fewer of a wide one."""
    number = max(2, min(50, MOST_WORDS // columns))
    rows = (line.translate(_BLANKS).decode("ascii").split() for line in block.split(b"\n", number)[:number])
    digits = [[_last_digit(word) for word in row] for row in rows if len(row) == columns]
    return [max(each) for each in zip(*digits, strict=True)] if digits else [0.0] * columns


def _last_digit(number: str) -> float:
    """0 for a whole number."""
    mantissa, _, exponent = number.lower().partition("e")
    if "." not in mantissa and not exponent:
        return 0.0
    decimals = len(mantissa.partition(".")[2])
    try:
        return float(10.0 ** (int(exponent or 0) - decimals))
    except (ValueError, OverflowError):
        return 0.0


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
    mine, theirs = table(own), table(other)
    if mine is None or theirs is None or mine.keys() != theirs.keys():
        return None
    resolutions = {each.name: each.resolution for each in known}
    columns = ({name: held(values) for name, values in each.items()} for each in (mine, theirs))
    found, reordered = compare(*columns)
    return [replace(each, resolution=resolutions.get(each.name, 0.0)) for each in found] if reordered else None
