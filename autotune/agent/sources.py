"""All sources of spikes of a rank, where NEURON keeps them: also those that no NetCon leads to any more.

A source that records into a vector outlives its last NetCon (`NetCon(ref, None).record(times)` in a function), and so
does one with a gid. NEURON lists all of them (PreSyn), but only to its own code; where one of them keeps its vector and
its artificial cell is looked up in one that is made for it.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from ctypes import c_int, c_void_p
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .library import Object, Symbol, Template, addresses_in, addresses_on, instance_of, object_behind
from .simulator import Simulator
from .vectors import VectorMemory

WORDS = 24  # of a source, among which these two pointers are looked for
# Sources of input that has no gid: their spikes are the model's stimulus, not its answer.
STIMULI = ("NetStim", "VecStim", "PatternStim")


def is_stimulus(name: str) -> bool:
    """Whether an artificial cell, or a class of them, of this name is one of those; a NetStimulated is a cell."""
    return name.partition("[")[0] in STIMULI


class Sources:
    """The sources of this rank, by their addresses."""

    def __init__(self, sim: Simulator, ours: Any) -> None:
        """`ours` is the vector of times into which the agent records."""
        self._sim = sim
        self._ours = ours
        library = sim.library
        self._memory = VectorMemory(library)
        self._list = library.function("_Z22net_cvode_instance_pslv", gives=c_void_p)
        self._netcons = library.function("_Z16nrn_presyn_countP6PreSyn", gives=c_int, takes=(c_void_p,))
        self._record = library.function("_ZN6PreSyn6recordEP8IvocVectS1_i", takes=(c_void_p, c_void_p, c_void_p, c_int))
        # Of a source whose vector is gone: it goes too, if nothing else wants it.
        self._check = library.function("_ZN6PreSyn10disconnectEP12ivObservable", takes=(c_void_p, c_void_p))
        self._places: Optional[Tuple[int, int]] = None
        self._before: Dict[int, Optional[int]] = {}
        self.complaint = ""

    def lone(self) -> List[int]:
        """Those of the model that no NetCon has. What is left of an earlier network, only because our vector holds it,
        goes."""
        self._places = self._places or self._find_places()
        if self._places is None:
            self.complaint = "this NEURON does not list its sources of spikes: those without a NetCon are not seen"
            return []
        ours = instance_of(self._ours)
        found = []
        for address in self._all():
            if self._netcons(address) == 0:
                if self._vector_of(address) == ours:
                    self._record(address, None, None, 0)
                    self._check(address, None)
                else:
                    found.append(address)
        return found

    def remember(self) -> None:
        """All that are to be recorded are, from here on."""
        self._before = {address: self._vector_of(address) for address in self._all()} if self._places else {}

    def lost(self, times_ms: np.ndarray, t_start_ms: float) -> int:
        """How many record into a vector of the model since then, and spikes there that are not among `times_ms`.

        A network that was made since, in the place of another, has not run: its vectors hold nothing, or what another
        one has left there.
        """
        if not self._places or not self._memory.known:
            return 0
        known = {instance_of(self._ours), *self._before.values()}
        changed: Dict[int, int] = {}
        for address in self._all():
            vector = self._vector_of(address)
            if vector is not None and vector != self._before.get(address) and not self._is_stimulus(address):
                changed[vector] = changed.get(vector, 0) + 1
        changed.pop(instance_of(self._ours) or 0, None)
        seen = Counter(times_ms.tolist())
        lost = 0
        for vector, sources in changed.items():
            spikes = self._memory.floats(vector)
            there = Counter(spikes[spikes > t_start_ms].tolist())
            if there - seen if vector in known else there:
                lost += sources
        return lost

    def _all(self) -> List[int]:
        head = self._list()
        if not head:
            return []
        return addresses_on(head) if self._sim.version[0] < 9 else addresses_in(head)

    def _vector_of(self, address: int) -> Optional[int]:
        assert self._places is not None
        return c_void_p.from_address(address + self._places[0]).value

    def _is_stimulus(self, address: int) -> bool:
        assert self._places is not None
        artificial = c_void_p.from_address(address + self._places[1]).value
        if artificial is None:
            return False
        name = Symbol.from_address(Template.from_address(Object.from_address(artificial).template).sym).name
        return is_stimulus(name.decode())

    def _find_places(self) -> Optional[Tuple[int, int]]:
        """Where in a source the pointers to its vector of times and to its artificial cell are."""
        if None in (self._list, self._netcons, self._record, self._check):
            return None
        before = set(self._all())
        cell = self._sim.h.IntFire1()
        netcon = self._sim.h.NetCon(cell, None)
        netcon.record(self._ours)
        new = set(self._all()) - before
        words = list((c_void_p * WORDS).from_address(new.pop())) if len(new) == 1 else []
        netcon.record()
        vector, artificial = instance_of(self._ours), object_behind(cell)
        if vector not in words or artificial not in words:
            return None
        size = ctypes.sizeof(c_void_p)
        return size * words.index(vector), size * words.index(artificial)
