"""NEURON as the agent sees it inside the user's process: the interpreter, one ParallelContext and one CVode of our
own.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Callable, Optional, Tuple

from .contexts import ContextTimers
from .library import Library
from .unseen import Unseen


@dataclass
class OwnEvents:
    """The agent's own events on NEURON's queue since the last finitialize, which are none of the model's."""

    put: int = 0
    executed: int = 0
    most: int = 0
    """At a time, in this process."""

    @property
    def left(self) -> int:
        """How many wait."""
        return self.put - self.executed


FIRST_BULLETIN_JOB = 20  # 8.2.7 and 9.0.2


class Simulator:
    """Handles on the running NEURON. Making it before `nrnmpi_init` is safe; asking it for ranks is not.

    Its objects are made when they are first used; `unseen` keeps them, and all others of the agent, out of the model's
    sight.
    """

    def __init__(self) -> None:
        self.h: Any = _hoc().HocObject()
        self.library = Library()
        self.unseen = Unseen(self.h, self.library)
        self.cell_gids: Tuple[int, ...] = ()
        """Gids of this rank that have a cell,"""
        self.output_gids = 0
        """how many of them send their spikes to other ranks: as of the last finitialize."""
        self.maxstep_ms: Optional[float] = None
        """The exchange interval that NEURON answered on this rank, when a knob asked for one."""
        self.exchange_interval_ms: Optional[float] = None
        """How often spikes were exchanged, where that was counted (on rank 0)."""
        self.step_s_before = 0.0
        """engine.step_s() when the run began; a session has made others before."""
        self.coreneuron_ran = False
        """A section of this process was CoreNEURON's, whether it is still enabled or not."""
        self.own_events = OwnEvents()
        version = re.search(r"(\d+)\.(\d+)\.?(\d+)?", self.h.nrnversion())
        self.version: Tuple[int, ...] = tuple(int(part or 0) for part in version.groups()) if version else ()

    @cached_property
    def pc(self) -> Any:
        return self.h.ParallelContext()

    @cached_property
    def cvode(self) -> Any:
        return self.h.CVode()

    @cached_property
    def psolve_timers(self) -> ContextTimers:
        return ContextTimers(self.h, self.pc, self.library)

    def at(self, t_ms: float, call: Callable[[], Any]) -> None:
        """Have this called when the integration has reached `t_ms`."""

        def run() -> None:
            call()
            events.executed += 1  # NEURON has its place back only now

        events = self.own_events
        events.put += 1
        events.most = max(events.most, events.left)
        self.cvode.event(t_ms, run)

    def forget_events(self) -> None:
        """finitialize drops all events."""
        self.own_events = OwnEvents(most=self.own_events.most)

    @property
    def rank(self) -> int:
        """Among the ranks that simulate one network together; so is `nhost`. Subworlds have numbers of their own."""
        return int(self.pc.id())

    def bulletin_job(self) -> Optional[int]:
        """The number of the bulletin board's job that this rank works at, if it does: NEURON leaves it in `hoc_ac_`
        when the job begins, where the result of a statement stands otherwise.
        """
        number = float(self.h.hoc_ac_)
        inside = int(self.pc.nhost_world()) > 1 and number >= FIRST_BULLETIN_JOB and number == int(number)
        return int(number) if inside else None

    @property
    def t_ms(self) -> float:
        """The time that the integration has reached; with the self queue, hoc's t may stand at a recorded spike."""
        return float(self.pc.t(0))

    def sent(self) -> Optional[int]:
        """Spikes that this rank has handed to the exchange since finitialize; None where none are exchanged."""
        if self.nhost < 2:
            return None
        counts = [self.h.ref(0) for _ in range(4)]
        self.pc.spike_statistics(*counts)
        return int(counts[0][0])

    @property
    def nhost(self) -> int:
        return int(self.pc.nhost())


def _hoc() -> Any:
    """The extension module, without importing the package `neuron` into an nrniv that runs hoc only."""
    if "hoc" in sys.modules:
        return sys.modules["hoc"]
    if "neuron" in sys.modules:
        from neuron import hoc
    else:
        import hoc  # built into nrniv
    return hoc
