"""How far apart two files of the same name are, variable by variable: measured, and not judged.

Whether that is much is another question, which the model's own error answers (verify/files.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Presence = Literal["same", "differs", "spikes", "missing", "new", "not understood"]
"""`spikes`: another file, which holds the spikes of its own run, as the user's does."""

MOST_VARIABLES = 50
NEW_ZEROS = 0.05  # of the values: so many more that are zero are no rounding
LEAST_ROWS = 8
"""With fewer, half of a variable says nothing, and one row is no small part of it."""


class NotUnderstood(Exception):
    """A file that can be compared as bytes only; says why."""


@dataclass(frozen=True)
class Apart:
    """A variable that differs: a dataset, a column, a key, the words of a line."""

    name: str
    problem: str = ""
    """What is wrong with its structure, in words; empty where only numbers differ."""
    total: float = 0.0
    """The differences of all its numbers: the square root of the sum of their squares."""
    largest: float = 0.0
    """The largest difference of a number."""
    sum: float = 0.0
    """The sum of the differences, without its sign: what a shift of all of them makes large."""
    power: float = 0.0
    """That of the differences of the squares: what another scale makes large."""
    size: float = 0.0
    """The largest number of the user's own file, without its sign."""
    resolution: float = 0.0
    """The last digit that a text shows; 0 where numbers are exact."""
    rows: int = 0
    """1 or -1 where it has one row more or less at its end; the others are compared. More is a problem."""
    filled: float = 1.0
    """Up to which share of its length it holds something else than 0 or NaN, where the user's own holds more."""


@dataclass(frozen=True)
class Measured:
    """One file of a run beside the same file of the user's own run."""

    name: str
    presence: Presence
    why: str = ""
    """Why it is not understood."""
    apart: tuple[Apart, ...] = ()
    """What differs; at most fifty variables."""
    reordered: bool = False
    """The rows are the user's own ones in another order."""
    renamed: str = ""
    """What its counterpart is called, if that is another name."""
    thinned: tuple[Apart, ...] = ()
    """What differs of the rows of the same steps, where it holds two or four times as many (formats/thinned.py)."""


@dataclass
class Gap:
    """Adds up how a variable differs, block by block, so that no file need fit into memory."""

    name: str
    resolution: float = 0.0
    across: bool = False
    """Its length is that of its last axis, not of its first."""
    total: float = 0.0
    largest: float = 0.0
    sum: float = 0.0
    power: float = 0.0
    size: float = 0.0
    rows: int = 0
    count: int = 0
    different: bool = False
    problem: str = ""
    more: int = 0
    """1 or -1: the other has one row more or less at its end."""
    _length: int = 0
    _new_nan: int = 0
    _new_zero: int = 0
    _last: list[int] = field(default_factory=lambda: [-1, -1])

    def add(self, own: NDArray[np.generic], other: NDArray[np.generic]) -> None:
        """One more block of rows of both; the shapes must be the same."""
        if own.dtype.kind not in "biufc" or other.dtype.kind not in "biufc":
            if not np.array_equal(own, other):
                self.different, self.problem = True, self.problem or _words(own, other)
            self.rows += len(own)
            return
        for side, values in enumerate((own, other)):
            self._filled_until(side, values)
        if not np.array_equal(own, other):
            self._differences(_floats(own), _floats(other))
        self.rows += len(own)
        self.count += own.size

    def found(self) -> Apart | None:
        """The variable if it differs, after the last block."""
        if not self.different and not self.more:
            return None
        filled = self._filled()
        problem = self.problem or filled or self._new_values()
        return Apart(
            self.name,
            problem,
            float(np.sqrt(self.total)),
            self.largest,
            abs(self.sum),
            abs(self.power),
            self.size,
            self.resolution,
            self.more,
            (self._last[1] + 1) / self._length if filled else 1.0,
        )

    def _differences(self, own: NDArray[np.float64], other: NDArray[np.float64]) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            apart = other - own
            squares = float(np.einsum("i,i->", apart, apart))
            if not np.isfinite(squares):
                own, other = self._finite(own, other)
                apart = other - own
                squares = float(np.einsum("i,i->", apart, apart))
        if not squares and not apart.any():
            return
        self.different = True
        # No product of vectors: that would start numpy's threads, which wait for cores that a model has.
        self.total += squares
        self.sum += float(apart.sum())
        self.power += float(np.einsum("i,i->", apart, other + own))
        self.largest = max(self.largest, float(apart.max()), -float(apart.min()))
        self.size = max(self.size, float(own.max()), -float(own.min()))
        self._new_zero += int(np.count_nonzero(other == 0)) - int(np.count_nonzero(own == 0))

    def _finite(
        self, own: NDArray[np.float64], other: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The numbers that are finite in both; notes where one has some that the other lacks."""
        there = np.isfinite(own), np.isfinite(other)
        lost = int(np.count_nonzero(there[0] & ~there[1]))
        self._new_nan += lost
        if np.count_nonzero(there[1] & ~there[0]):
            self.problem = self.problem or "numbers where your run has none (NaN or infinite)"
        self.different |= bool(lost or self.problem)
        both = there[0] & there[1]
        return own[both], other[both]

    def _filled_until(self, side: int, values: NDArray[np.generic]) -> None:
        """Notes up to where this block of the user's own (0) or the other file (1) is filled."""
        if self.across:
            self._length = values.shape[-1]
            values = np.moveaxis(values, -1, 0)
        else:
            self._length = self.rows + len(values)
        last = _last_filled(values)
        if last >= 0:
            self._last[side] = max(self._last[side], last if self.across else self.rows + last)

    def _filled(self) -> str:
        """Whether it ends in zeros or NaN earlier than the user's own."""
        mine, theirs = (last + 1 for last in self._last)
        if theirs >= mine - max(1, self._length // 100) or self._length < LEAST_ROWS:
            return ""
        share = theirs / self._length
        return f"filled for {in_words(share)} of its length" if theirs else "empty: all zero or NaN"

    def _new_values(self) -> str:
        if self._new_nan:
            return f"{self._new_nan} values are NaN or infinite that are none in your run"
        if self._new_zero > max(1, NEW_ZEROS * self.count):
            return f"{self._new_zero} of {self.count} values are zero that are none in your run"
        return ""


def one_more(own: int, other: int) -> int:
    """1 or -1 where so many rows are one more or less than one's own: whether a last sample still falls into a run is a
    matter of the last bit of t. Else 0.
    """
    return other - own if abs(other - own) == 1 and own >= LEAST_ROWS else 0


def in_words(share: float) -> str:
    """A share of something, for the user."""
    for value, word in ((0.5, "half"), (0.25, "a quarter"), (0.75, "three quarters"), (1 / 3, "a third")):
        if abs(share - value) < 0.02:
            return word
    return f"{share:.0%}"


def _last_filled(values: NDArray[np.generic]) -> int:
    """The last row with a number other than 0 and NaN; -1 where there is none."""
    if not values.size:
        return -1
    flat = values.reshape(len(values), -1)[::-1]
    for first in range(0, len(flat), 4096):
        block = flat[first : first + 4096]
        there = block != 0
        if values.dtype.kind in "fc":
            there &= ~np.isnan(block)
        rows = there.any(axis=1)
        if rows.any():
            return len(flat) - 1 - first - int(rows.argmax())
    return -1


def _floats(values: NDArray[np.generic]) -> NDArray[np.float64]:
    if values.dtype.kind == "c":
        values = np.ascontiguousarray(values).view(np.float32 if values.dtype.itemsize == 8 else np.float64)
    return values.reshape(-1).astype(np.float64, copy=False)


def _words(own: NDArray[np.generic], other: NDArray[np.generic]) -> str:
    pairs = zip(own.reshape(-1).tolist(), other.reshape(-1).tolist(), strict=True)
    first = next(((a, b) for a, b in pairs if a != b), ("", ""))
    return f"{_shown(first[1])} for {_shown(first[0])}"


def _shown(value: object) -> str:
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return f"'{text[:40]}'"
