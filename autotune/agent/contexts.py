"""NEURON's timers of psolve, summed over all ParallelContexts that there are or were.

They belong to the instance that called psolve, are never reset, and end with it.
"""

from __future__ import annotations

from ctypes import c_double, c_void_p
from typing import Any, Dict, List

from .instances import Instances
from .library import Library, instance_of

_METHODS = {"integ_s": "_ZN3BBS10integ_timeEv", "wait_s": "_ZN3BBS9wait_timeEv", "send_s": "_ZN3BBS9send_timeEv"}
_GAP_JUNCTIONS, _SPLIT_CELLS = 0, 1  # of pc.vtransfer_time


class ContextTimers:
    """Seconds of psolve in this process so far."""

    def __init__(self, h: Any, pc: Any, library: Library) -> None:
        """`pc` is the agent's own."""
        self._h = h
        self._pc = pc
        self._methods = {
            name: library.function(method, gives=c_double, takes=(c_void_p,)) for name, method in _METHODS.items()
        }
        self._contexts = Instances(library, "ParallelContext", self._keep)
        self._dead = dict.fromkeys(_METHODS, 0.0)
        self._reads_memory = self._contexts.known and None not in self._methods.values()

    def watch(self) -> None:
        """From now on, keep what contexts that the script drops have counted."""
        if self._reads_memory:
            self._contexts.watch()

    def release(self) -> None:
        """The last figures were read: leave NEURON as it was."""
        self._contexts.release()

    def read(self) -> Dict[str, float]:
        """Integration with events ("step_s"), "transfer_s", exchange ("wait_s") and dispatch ("send_s") of spikes.

        Transfers of gap junctions and split cells are counted outside of psolve, too.
        """
        transfer_s = sum(float(self._pc.vtransfer_time(kind)) for kind in (_GAP_JUNCTIONS, _SPLIT_CELLS))
        sums = self._sums() if self._reads_memory else self._sums_of_what_lives(transfer_s)
        integ_s = sums.pop("integ_s")
        return {**sums, "step_s": integ_s - transfer_s, "transfer_s": transfer_s}

    def _sums(self) -> Dict[str, float]:
        own = instance_of(self._pc)
        alive = [address for address in self._contexts.alive() if address != own] + ([own] if own else [])
        return {
            name: self._dead[name] + sum(method(address) for address in alive) for name, method in self._methods.items()
        }

    def _sums_of_what_lives(self, transfer_s: float) -> Dict[str, float]:
        """Where memory cannot be read. NEURON takes transfers off every context's step_time (ocbbs.cpp)."""
        every = self._h.List("ParallelContext")
        alive: List[Any] = [every.o(index) for index in range(int(every.count()))]
        alive = alive if self._pc in alive else [*alive, self._pc]
        return {
            "integ_s": sum(float(context.step_time()) + transfer_s for context in alive),
            "wait_s": sum(float(context.wait_time()) for context in alive),
            "send_s": sum(float(context.send_time()) for context in alive),
        }

    def _keep(self, context: int) -> None:
        for name, method in self._methods.items():
            self._dead[name] += method(context)
