"""NEURON as the agent sees it inside the user's process: the interpreter, one ParallelContext and one CVode of our
own.
"""

from __future__ import annotations

import re
import sys
from functools import cached_property
from typing import Any, Optional, Tuple


FIRST_BULLETIN_JOB = 20  # 8.2.7 and 9.0.2


class Simulator:
    """Handles on the running NEURON. Making it before `nrnmpi_init` is safe; asking it for ranks is not.

    Its objects are made when they are first used, so that those of the user's script keep their numbers
    (`ParallelContext[0]`).
    """

    def __init__(self) -> None:
        self.h: Any = _hoc().HocObject()
        self.output_gids = 0
        """Gids of this rank whose spikes are sent to other ranks, as of the last finitialize."""
        self.maxstep_ms: Optional[float] = None
        """The exchange interval that NEURON answered on this rank, when a knob asked for one."""
        self.exchange_interval_ms: Optional[float] = None
        """How often spikes were exchanged, where that was counted (on rank 0)."""
        self.step_s_before = 0.0
        """engine.step_s() when the run began; a session has made others before."""
        version = re.search(r"(\d+)\.(\d+)\.?(\d+)?", self.h.nrnversion())
        self.version: Tuple[int, ...] = tuple(int(part or 0) for part in version.groups()) if version else ()

    @cached_property
    def pc(self) -> Any:
        return self.h.ParallelContext()

    @cached_property
    def cvode(self) -> Any:
        return self.h.CVode()

    @property
    def rank(self) -> int:
        """Among the ranks that simulate one network together; so is `nhost`. Subworlds have such numbers of their own."""
        return int(self.pc.id())

    def bulletin_job(self) -> Optional[int]:
        """The number of the bulletin board's job that this rank works at, if it does: NEURON leaves it in `hoc_ac_` when
        the job begins, where the result of a statement stands otherwise.
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
