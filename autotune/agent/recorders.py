"""The vectors that the model has NEURON fill while it integrates (`Vector.record`), and those that it plays.

They are summed up so that the sums of all ranks can be added, whatever the order and the numbers of the objects: by
kind and length, how many there are, and three sums over all of their values. That costs 2 ns a value, at the end.
"""

from __future__ import annotations

import ctypes
import struct
from ctypes import c_long, c_void_p
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Optional, Tuple

import numpy as np

from .library import Object, addresses_in, instance_of, newest_first
from .naming import Names, Place, words_of_a_place
from .simulator import Simulator
from .vectors import VectorMemory

EVERY_STEP, AT_INTERVALS, AT_TIMES, IN_STEPS = "every step", "an interval", "given times", "played in steps"
KINDS = {
    "10TvecRecord": EVERY_STEP,
    "10YvecRecord": EVERY_STEP,
    "11VecRecordDt": AT_INTERVALS,
    "17VecRecordDiscrete": AT_TIMES,
    "11VecPlayStep": IN_STEPS,
}
"""NEURON's classes of them, as its library names them (vrecitem.h)."""
RECORDED = (EVERY_STEP, AT_INTERVALS, AT_TIMES)
MOST = 20_000
SHORTEST_MS, LONGEST_MS = 1e-6, 1e9  # of an interval
WORDS_OF_A_RECORDER = 12
OF_NO_THREAD = "i_membrane_"
"""Of a segment, but kept apart from its mechanisms."""


@dataclass(frozen=True)
class Held:
    """A vector that NEURON fills, by addresses."""

    vector: int
    kind: str
    name: str
    """Of the variable, as soma(0.5).v; Vector[5] where that is not known."""
    number: int
    """Of the object in hoc."""
    is_time: bool
    """It holds t."""
    times: Optional[int]
    """The vector of the times at which it records, for that kind."""
    interval_ms: Optional[float]
    """At which it records, for that kind."""
    objects: Tuple[int, ...]
    """The hoc objects that are kept for it."""


Row = List[Any]
"""Kind, length, how many, finite values, their sum, that of their sizes, first halves less second halves."""


class Recorders:
    """The recorders of this rank, in the order in which the script made them."""

    def __init__(self, sim: Simulator) -> None:
        library = sim.library
        self._sim = sim
        self._rings = sim.version[0] < 9
        self._list = library.function("_Z22net_cvode_instance_prlv", gives=c_void_p)
        self._vectors = library.template("Vector")
        takes = (c_void_p,)
        self._hold = library.function("hoc_obj_ref", "_Z11hoc_obj_refP6Object", takes=takes)
        self._release = library.function("hoc_obj_unref", "_Z13hoc_obj_unrefP6Object", takes=takes)
        tables = {name: library.variable("_ZTV" + name, c_void_p * 3) for name in KINDS}
        # An object begins with the address of its class's functions, which follow two words of another use.
        self._kinds = {ctypes.addressof(t) + 2 * ctypes.sizeof(c_void_p): KINDS[n] for n, t in tables.items() if t}
        clock = tables["10TvecRecord"]
        self._clock = ctypes.addressof(clock) + 2 * ctypes.sizeof(c_void_p) if clock else None
        self._memory = VectorMemory(library)
        parts = (self._list, self._vectors, self._hold, self._release)
        self._known = self._memory.known and all(part is not None for part in parts)
        self._held: Dict[int, Held] = {}  # by the address of the vector
        self._place = slice(1, 1 + words_of_a_place(sim))  # in a recorder's words, after those of its class
        self._names = Names(sim)

    def held(self) -> List[Held]:
        """What is kept now, in the order in which the script made it; values are read by `values`."""
        return list(self._held.values())

    def values(self, address: int) -> np.ndarray:
        """What a vector holds now, where it lies: no copy."""
        return self._memory.view(address)

    def count(self, apart: Iterable[Any]) -> int:
        """How many vectors the script has filled, but for those of t; vectors `apart` are ours."""
        ours = {instance_of(vector) for vector in apart}
        every = (words for words, kind in self._all() if kind in RECORDED and words[0] != self._clock)
        return sum(1 for words in every if not ours & set(words)) if self._known else 0

    def kinds(self) -> List[str]:
        """The kind of each; those that NEURON has more of (as plots) are left out."""
        return [kind for _, kind in self._all()]

    def without_thread(self) -> int:
        """How many variables are recorded or played that are in no cell, so in none of its threads: t at an interval, a
        global variable, what an artificial cell has. With threads NEURON stops at the first (`owned_by_thread`).
        """
        if not self._known:
            return 0
        every = [list((c_void_p * WORDS_OF_A_RECORDER).from_address(each)) for each in self._addresses()[:MOST]]
        # The object that comes after the place says which thread it is, where the script gives one.
        places = [self._place_of(words) for words in every if not words[self._place.stop]]
        names = Names(self._sim)
        found = names.of(places)
        in_a_cell = {place for place, name in found.items() if not name.endswith("." + OF_NO_THREAD)}
        return sum(1 for place in places if place not in in_a_cell) if names.all_looked_at else 0

    def hold(self, apart: Iterable[Any], *, named: bool = False) -> None:
        """Keep what is recorded until it is summed up: a function that ends drops its vectors before that.

        Vectors `apart` are ours. `named`: the variables are wanted by name, too.
        """
        ours = {instance_of(vector) for vector in apart}
        recorders = [(words, kind) for words, kind in self._all() if kind in RECORDED] if self._known else []
        objects = self._objects() if recorders else {}
        asked = (self._place_of(words) for words, _ in recorders if words[0] != self._clock)
        names = self._names.of(asked) if named else {}
        for words, kind in recorders:
            vectors = [word for word in words if word is not None and word in objects]
            if not vectors or vectors[0] in ours or vectors[0] in self._held:
                continue
            vector, times = vectors[0], vectors[1] if kind == AT_TIMES and len(vectors) > 1 else None
            kept = tuple(objects[each] for each in (vector, times) if each is not None)
            for each in kept:
                self._hold(each)
            number = Object.from_address(kept[0]).index
            interval = _interval_ms(words, vector) if kind == AT_INTERVALS else None
            name = names.get(self._place_of(words), "Vector[%d]" % number)
            self._held[vector] = Held(vector, kind, name, number, words[0] == self._clock, times, interval, kept)

    def release(self) -> List[Row]:
        """What the vectors hold by now, summed up; they are the model's alone again."""
        rows: Dict[Tuple[str, int], Row] = {}
        for held in self._held.values():
            values = self._memory.floats(held.vector)
            row = rows.setdefault((held.kind, len(values)), [held.kind, len(values), 0, 0, 0.0, 0.0, 0.0])
            row[2:] = [a + b for a, b in zip(row[2:], (1, *_sums(values)))]
        self.let_go()
        return [rows[key] for key in sorted(rows)]

    def let_go(self) -> None:
        """Keep nothing any more."""
        for held in self._held.values():
            for each in held.objects:
                self._release(each)
        self._held = {}

    def _place_of(self, words: List[Optional[int]]) -> Place:
        return tuple(words[self._place])

    def label(self, held: Held) -> str:
        """What the script calls a vector itself (`Vector.label`); empty where it does not."""
        return str(self._sim.h.Vector[held.number].label())

    def _all(self) -> List[Tuple[List[Optional[int]], str]]:
        """The first words of each, and its kind."""
        found = []
        for address in self._addresses()[:MOST]:
            words = list((c_void_p * WORDS_OF_A_RECORDER).from_address(address))
            kind = self._kinds.get(words[0] or 0)
            if kind is not None:
                found.append((words, kind))
        return found

    def _addresses(self) -> List[int]:
        head = self._list() if self._list is not None else None
        if not head:
            return []
        if not self._rings:
            return addresses_in(head)
        items, size, count, free = (c_long * 4).from_address(head)  # a list with a gap after `free` (OS/list.h)
        if not 0 <= free <= count <= size:
            return []
        every = list((c_void_p * size).from_address(items)) if size else []
        return every[:free] + every[free + size - count :]

    def _objects(self) -> Dict[int, int]:
        """The objects of all Vectors by the addresses of what is behind them."""
        assert self._vectors is not None
        elements = [item.element for _, item in newest_first(self._vectors)]
        return {Object.from_address(element).this: element for element in elements}


def _interval_ms(words: List[Optional[int]], vector: int) -> Optional[float]:
    """The number that follows the vector in its recorder (vrecitem.h); None where that can be no interval."""
    place = words.index(vector) + 1
    if place == len(words):
        return None
    found = struct.unpack("d", struct.pack("P", words[place] or 0))[0]
    return float(found) if SHORTEST_MS <= found <= LONGEST_MS else None


def _sums(values: np.ndarray) -> Tuple[int, float, float, float]:
    """Of a copy, which is used up. No product of vectors: that would start numpy's threads in the model's process."""
    half = len(values) // 2
    first, second = float(values[:half].sum()), float(values[half:].sum())
    if not np.isfinite(first + second):
        return _sums(values[np.isfinite(values)])
    return len(values), first + second, float(np.abs(values, out=values).sum()), first - second
