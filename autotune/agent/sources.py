"""Sources of spikes that no NetCon leads to any more, where NEURON keeps them.

A source that records into a vector outlives its last NetCon (`NetCon(ref, None).record(times)` in a function), and so
does one with a gid. NEURON lists all sources of a rank (PreSyn), but only to its own code.
"""

from __future__ import annotations

import ctypes
from ctypes import c_int, c_void_p
from typing import Any, List, Optional

from .library import Item, instance_of
from .simulator import Simulator

WORDS = 24  # of a PreSyn, among which the pointer to its vector of times is looked for


class Lone:
    """The sources of this rank that have no NetCon, by their addresses."""

    def __init__(self, sim: Simulator, ours: Any) -> None:
        """`ours` is the vector of times into which the agent records."""
        self._sim = sim
        self._ours = ours
        library = sim.library
        self._list = library.function("_Z22net_cvode_instance_pslv", gives=c_void_p)
        self._netcons = library.function("_Z16nrn_presyn_countP6PreSyn", gives=c_int, takes=(c_void_p,))
        self._record = library.function("_ZN6PreSyn6recordEP8IvocVectS1_i", takes=(c_void_p, c_void_p, c_void_p, c_int))
        self.known = None not in (self._list, self._netcons, self._record)
        """Whether this NEURON tells them at all."""

    def now(self) -> List[int]:
        """Those of the model. One that is left of an earlier network, only because our vector holds it, is silenced."""
        lone = [address for address in self._all() if self._netcons(address) == 0] if self.known else []
        place = self._place_of_vector() if lone else None
        ours = instance_of(self._ours) if lone else None
        found = []
        for address in lone:
            if place is not None and c_void_p.from_address(address + place).value == ours:
                self._record(address, None, None, 0)
            else:
                found.append(address)
        return found

    def _all(self) -> List[int]:
        head = self._list()
        if not head:
            return []
        return _ring(head) if self._sim.version[0] < 9 else _vector(head)

    def _place_of_vector(self) -> Optional[int]:
        """Where in a PreSyn the pointer to its vector of times is: looked up in one that records into ours."""
        before = set(self._all())
        netcon = self._sim.h.NetCon(self._sim.h.IntFire1(), None)
        netcon.record(self._ours)
        (address,) = set(self._all()) - before
        words = (c_void_p * WORDS).from_address(address)
        place = next((8 * number for number, word in enumerate(words) if word == instance_of(self._ours)), None)
        netcon.record()
        return place


def _ring(head: int) -> List[int]:
    found = []
    item = Item.from_address(head).next
    while item != head:
        found.append(Item.from_address(item).element)
        item = Item.from_address(item).next
    return found


def _vector(head: int) -> List[int]:
    begin, end = (c_void_p * 2).from_address(head)
    return (
        []
        if begin is None or end is None
        else list((c_void_p * ((end - begin) // ctypes.sizeof(c_void_p))).from_address(begin))
    )
