"""What of the user's program NEURON calls while it integrates: functions at every step, events of the interpreter,
functions at a spike.

All is read where NEURON keeps it; nothing is called, put on the queue or taken off it. What this NEURON does not show
is not claimed.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import c_int, c_long, c_void_p
from typing import Any, Dict, List, Optional, Set, Tuple

from .library import Library, Object, addresses_in, addresses_on, newest_first
from .simulator import Simulator

POOL = 100  # NEURON reuses that many events of the interpreter, or a multiple (HocEventPool, netcvode.cpp)
SCATTER = 0
WORDS_OF_A_SOURCE = 24
_EXECUTE = ctypes.CFUNCTYPE(c_int, c_void_p)


class StepFunctions:
    """Functions that are called at every step: `CVode.extra_scatter_gather` and the non-voltage block."""

    def __init__(self, sim: Simulator) -> None:
        library = sim.library
        self._sim = sim
        self._walk = library.function("_Z24nrn_extra_scatter_gatherii", takes=(c_int, c_int))
        self._execute = _places_of_the_interpreter(library)
        self._block = library.variable("nrn_nonvint_block", c_void_p)

    def scattered(self) -> int:
        """How many are registered by extra_scatter_gather(0, …); what CVODE alone would call is not counted.

        NEURON keeps that list to itself but for the function that walks it, and calls them by a pointer, which for the
        length of that walk is one of ours: none of them is called. With threads NEURON walks it with an error.
        """
        if self._walk is None or not self._execute or int(self._sim.pc.nthread()) > 1:
            return 0
        seen: List[Optional[int]] = []

        def see(function: Optional[int]) -> int:
            seen.append(function)
            return 1

        ours = _EXECUTE(see)
        theirs = [place.value for place in self._execute]
        try:
            for place in self._execute:
                place.value = ctypes.cast(ours, c_void_p).value
            self._walk(SCATTER, 0)
        finally:
            for place, value in zip(self._execute, theirs):
                place.value = value
        return len(seen)

    def block(self) -> bool:
        """Whether NEURON calls anything for equations beside the voltage, RxD apart, which sets that up when imported
        and then has nothing to do.
        """
        supervisor = sys.modules.get("neuron.nonvint_block_supervisor")
        if supervisor is not None and supervisor.call:
            return True
        is_set = self._block is not None and bool(self._block.value)
        return is_set and supervisor is None and "neuron.rxd" not in sys.modules


class InterpreterEvents:
    """What `CVode.event` puts on the queue, as the pool tells from which NEURON takes these events."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._pool = sim.library.variable("_ZN8HocEvent7hepool_E", c_void_p)
        self._most = 0

    def begin(self) -> None:
        """finitialize has ended, in which NEURON drops all earlier ones."""
        self._most = self._read()[3]

    def left(self) -> int:
        """Those that were not executed, ours apart."""
        _, _, left, _ = self._read()
        return max(0, left - self._sim.own_events.left)

    def executed(self) -> int:
        """Those that were, ours apart, modulo POOL: NEURON does not count them."""
        _, done, _, _ = self._read()
        return (done - self._sim.own_events.executed) % POOL

    def any(self) -> bool:
        """Whether there has been any since begin(), or was one waiting then."""
        put, _, _, most = self._read()
        grown = most > max(self._most, self._sim.own_events.most)
        return self.left() > 0 or grown or (put - self._sim.own_events.put) % POOL > 0

    def _read(self) -> Tuple[int, int, int, int]:
        """Put and executed (both modulo POOL), left, and the most at a time in this process."""
        if self._pool is None or not self._pool.value:
            return 0, 0, 0, 0
        _, _, _, _, put, done, left, most = (c_long * 8).from_address(self._pool.value)
        return put % POOL, done % POOL, left, most


class SpikeFunctions:
    """Functions that the model has NEURON call at a spike, `NetCon.record(callable)`, told from those of the agent."""

    def __init__(self, sim: Simulator) -> None:
        self._sources = sim.library.function("_Z22net_cvode_instance_pslv", gives=c_void_p)
        self._vectors = sim.library.template("Vector")
        self._rings = sim.version[0] < 9
        self._place: Optional[int] = None
        self._before: Dict[int, Optional[int]] = {}
        self._ours: Set[Optional[int]] = {None}

    def beside_vectors(self) -> bool:
        """Whether the model has both a function and a vector at one source: the agent must not take the function's
        place. Call it before the agent records spikes; what has changed at known() is the agent's.
        """
        rows = self._rows()
        self._before = {address: function for address, _, function in rows}
        return any(vector is not None and function not in self._ours for _, vector, function in rows)

    def known(self) -> None:
        """The agent has asked for what it wants."""
        self._ours |= {function for address, _, function in self._rows() if function != self._before.get(address)}

    def count(self) -> int:
        """How many sources call something of the model."""
        return sum(1 for _, _, function in self._rows() if function not in self._ours)

    def _rows(self) -> List[Tuple[int, Optional[int], Optional[int]]]:
        """Of each source its address, its vector of spike times and its function."""
        addresses = self._addresses()
        if self._place is None:
            self._place = self._found(addresses)
        if self._place is None:
            return []
        rows = ((c_void_p * WORDS_OF_A_SOURCE).from_address(address) for address in addresses)
        # The vector of times, that of ids and the function lie one after another (netcon.h).
        return [(address, row[self._place], row[self._place + 2]) for address, row in zip(addresses, rows)]

    def _found(self, addresses: List[int]) -> Optional[int]:
        """Where in a source its vector is: the first Vector there; None as long as no source has one."""
        if self._vectors is None or not addresses:
            return None
        vectors = {Object.from_address(item.element).this for _, item in newest_first(self._vectors)}
        for address in addresses:
            words = list((c_void_p * WORDS_OF_A_SOURCE).from_address(address))
            place = next((index for index, word in enumerate(words) if word in vectors), None)
            if place is not None and place + 2 < WORDS_OF_A_SOURCE:
                return place
        return None

    def _addresses(self) -> List[int]:
        head = self._sources() if self._sources is not None else None
        if not head:
            return []
        return addresses_on(head) if self._rings else addresses_in(head)


def _places_of_the_interpreter(library: Library) -> List[Any]:
    """Where NEURON keeps the pointer by which it calls a function of Python; version 9 has it twice."""
    pointer = library.variable("nrnpy_hoccommand_exec", c_void_p)
    if pointer is None or not pointer.value:
        return []
    table = library.variable("_ZN6neuron6python7methodsE", c_void_p * 24)
    if table is None:
        return [pointer]
    size = ctypes.sizeof(c_void_p)
    places = [index for index, word in enumerate(table) if word == pointer.value]
    return [pointer, *(c_void_p.from_address(ctypes.addressof(table) + size * index) for index in places)]
