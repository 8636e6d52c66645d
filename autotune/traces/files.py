"""The traces of one run in the files that its ranks wrote (agent/traces.py), read one at a time.

They can be large: nothing here holds more than the trace that was asked for.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from autotune.agent.recorders import AT_INTERVALS, AT_TIMES
from autotune.agent.traces import INDEX
from autotune.untrusted import BROKEN, Arrays

Floats = NDArray[np.float64]
SUFFIX = ".traces"


class TracesError(Exception):
    """A file of traces that is torn or foreign."""


@dataclass(frozen=True)
class _Entry:
    """What a rank says of a trace (agent/traces.py)."""

    name: str
    kind: str
    number: Annotated[int, Field(alias="pass", ge=0)]
    member: int
    times: int | None
    of: int
    interval_ms: float | None = None


@dataclass(frozen=True)
class _Pass:
    """And of the pass in which it was recorded."""

    t_start_ms: Annotated[float, Field(allow_inf_nan=False)]
    t_stop_ms: Annotated[float, Field(allow_inf_nan=False)]
    dt_ms: Annotated[float, Field(allow_inf_nan=False)]
    cvode: bool


@dataclass(frozen=True)
class _Index:
    """All that a file of traces says of itself."""

    passes: list[_Pass]
    traces: list[_Entry]


_INDEX = TypeAdapter(_Index)


@dataclass(frozen=True, order=True)
class Key:
    """Which trace: the same in every run with as many ranks."""

    rank: int
    number: int
    """Of the pass, from finitialize to finitialize, among those that were integrated."""
    place: int
    """In the order in which the script asked for them."""


@dataclass(frozen=True)
class Trace:
    """One of them."""

    name: str
    """For the user: soma(0.5).v, the Vector's label, or Vector[5] of a variable that has no name."""
    kind: str
    """When NEURON records it (agent/recorders.py)."""
    values: Floats
    """(n,)"""
    times_ms: Floats | None
    """(n,), ascending; None where they are not known."""
    stop_ms: float
    """Where the pass ended in which it was recorded."""

    def same(self, other: Trace) -> bool:
        """Whether both hold the same values, to the last bit, at the same times."""
        if self.kind != other.kind or not np.array_equal(self.values, other.values, equal_nan=True):
            return False
        if self.times_ms is None or other.times_ms is None:
            return self.times_ms is other.times_ms
        return bool(np.allclose(self.times_ms, other.times_ms, rtol=0, atol=1e-9))

    def until(self, stop_ms: float) -> Trace:
        """Its part up to there."""
        if self.times_ms is None or not len(self.times_ms) or self.times_ms[-1] <= stop_ms:
            return self
        size = int(np.searchsorted(self.times_ms, stop_ms, side="right"))
        return Trace(self.name, self.kind, self.values[:size], self.times_ms[:size], min(stop_ms, self.stop_ms))


class Traces:
    """Those of one run, in a folder with one file of each rank."""

    def __init__(self, folder: Path, ranks: dict[int, Path]) -> None:
        """`ranks` names the file of each."""
        self.folder = folder
        self._ranks = ranks

    @cached_property
    def _entries(self) -> dict[Key, tuple[_Entry, _Pass]]:
        """Of each trace what its rank said of it, and of the pass."""
        found = {}
        for rank, file in sorted(self._ranks.items()):
            index = _index(file)
            places: dict[int, int] = {}
            for entry in index.traces:
                number = entry.number
                places[number] = places.get(number, -1) + 1
                found[Key(rank, number, places[number])] = (entry, index.passes[number])
        return found

    @property
    def keys(self) -> tuple[Key, ...]:
        """In order. Raises TracesError."""
        return tuple(sorted(self._entries))

    @property
    def recorded(self) -> int:
        """How many vectors the script recorded in its passes, of which these are some; 0 where all were sampled."""
        most: dict[tuple[int, int], int] = {}
        for key, (entry, _) in self._entries.items():
            most[key.rank, key.number] = entry.of
        return sum(most.values())

    def variable(self, key: Key) -> str:
        """What was recorded, as soma(0.5).v: the same name in each pass, and maybe on several ranks."""
        return self._entries[key][0].name

    def name(self, key: Key) -> str:
        """The same with the pass and the rank, where there are several."""
        name = self.variable(key)
        name += f" in run {key.number + 1}" if max(each.number for each in self._entries) else ""
        return f"{name} of rank {key.rank}" if len(self._ranks) > 1 else name

    def same(self, other: Traces, key: Key) -> bool:
        """Whether both hold the same values, to the last bit, at the same times."""
        return key in self._entries and key in other._entries and self.read(key).same(other.read(key))

    def read(self, key: Key) -> Trace:
        """One of them. Raises TracesError, and KeyError if there is no such trace."""
        entry, section = self._entries[key]
        values = self._member(key, entry.member)
        times = self._member(key, entry.times) if entry.times is not None else None
        if times is None:
            times = _grid(len(values), entry, section)
        if times is not None and entry.kind == AT_TIMES:
            times = times[: len(values)]  # of those that are asked for, as many as the run has come to
        if times is not None and len(times) != len(values):
            times = None
        return Trace(self.name(key), entry.kind, values, times, section.t_stop_ms)

    def keep(self, folder: Path) -> Traces:
        """A copy at `folder`, which appears whole or not at all."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
        for rank, file in self._ranks.items():
            shutil.copyfile(file, made / f"{rank:06d}{SUFFIX}")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
        kept = read_traces(folder)
        assert kept is not None
        return kept

    def _member(self, key: Key, number: int) -> Floats:
        try:
            with Arrays(self._ranks[key.rank]) as arrays:
                values = np.asarray(arrays.read(str(number)), np.float64)
        except BROKEN as error:
            raise TracesError(f"{self._ranks[key.rank].name}: {error}") from error
        if values.ndim != 1:
            raise TracesError(f"{self._ranks[key.rank].name}: {number} is no vector")
        return values


def read_traces(folder: Path) -> Traces | None:
    """Those that were kept at `folder`; None where there are none."""
    ranks = {int(file.stem): file for file in folder.glob(f"*{SUFFIX}")}
    return Traces(folder, ranks) if ranks else None


def taken(files: Iterable[tuple[int, Path]], folder: Path) -> Traces | None:
    """Those of a run that has just ended, moved from its files, each of a rank, to a folder of their own in `folder`,
    which goes with the last reference to them.
    """
    there = {rank: file for rank, file in files if file.is_file()}
    if not there:
        return None
    own = Path(tempfile.mkdtemp(dir=folder, prefix="traces-"))
    ranks = {rank: file.rename(own / f"{rank:06d}{SUFFIX}") for rank, file in there.items()}
    traces = Traces(own, ranks)
    weakref.finalize(traces, shutil.rmtree, own, ignore_errors=True)
    return traces


def _index(file: Path) -> _Index:
    try:
        with Arrays(file) as archive:
            index = _INDEX.validate_json(bytes(archive.member(INDEX)))
            if any(entry.number >= len(index.passes) for entry in index.traces):
                raise ValueError("a trace of no pass")
    except BROKEN as error:
        raise TracesError(f"{file.name}: {error}") from error
    return index


def _grid(size: int, entry: _Entry, section: _Pass) -> Floats | None:
    """When values were recorded at an interval, or at a fixed step: at t_start and after each step."""
    start, stop, dt = section.t_start_ms, section.t_stop_ms, section.dt_ms
    if entry.kind == AT_INTERVALS:
        interval = entry.interval_ms
        return np.asarray(start + np.arange(size) * interval, np.float64) if interval else None
    if entry.kind == AT_TIMES or section.cvode or not dt or stop <= start:
        return None
    steps = round((stop - start) / dt)
    return np.asarray(start + np.arange(size) * ((stop - start) / max(steps, 1)), np.float64)
