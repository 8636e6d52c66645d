"""Numbers as text: a block of them as a table, and the last digit that they show."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

_TABLE = b"0123456789+-.eE ,;\t\r\n"
_BLANKS = bytes.maketrans(b",;\t", b"   ")
MOST_WORDS = 20_000
"""So many numbers are looked at for their last digits."""


def parse(block: bytes, lines: int) -> NDArray[np.float64] | None:
    """The numbers of a block of so many lines, a row a line; None where it holds anything else, or is ragged. Empty
    lines, as hoc's Vector.printf leaves at its end, are no rows.
    """
    lines -= block.count(b"\n\n") + block.startswith(b"\n")
    if not lines or not is_table(block):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            values = np.fromstring(block.translate(_BLANKS).decode("ascii"), sep=" ")
        except (DeprecationWarning, ValueError):
            return None
    columns = len(words(block[: block.find(b"\n")])) if b"\n" in block else values.size
    return values.reshape(lines, columns) if columns and values.size == lines * columns else None


def is_table(block: bytes) -> bool:
    return not block.translate(None, _TABLE)


def resolutions_of(block: bytes, columns: int) -> list[float]:
    """The last digit that each column of a table shows, in its first lines: fewer of a wide one."""
    number = max(2, min(50, MOST_WORDS // columns))
    rows = (words(line) for line in block.split(b"\n", number)[:number])
    digits = [[last_digit(word) for word in row] for row in rows if len(row) == columns]
    return [max(each) for each in zip(*digits, strict=True)] if digits else [0.0] * columns


def last_digit(number: str) -> float:
    """0 for a whole number."""
    mantissa, _, exponent = number.lower().partition("e")
    if "." not in mantissa and not exponent:
        return 0.0
    decimals = len(mantissa.partition(".")[2])
    try:
        return float(10.0 ** (int(exponent or 0) - decimals))
    except (ValueError, OverflowError):
        return 0.0


def words(line: bytes) -> list[str]:
    """The numbers of a line, as they are written."""
    return line.translate(_BLANKS).decode("ascii").split()
