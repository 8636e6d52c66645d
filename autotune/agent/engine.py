"""CoreNEURON, seen from inside NEURON: can it run this model, how is it switched on, and did it really run?

NEURON's timers stand still under it, interpreter events are dropped with a warning, and where the script records all
spikes with `pc.spike_record(-1, …)`, what NetCon.record calls is never called (see shared.py).
"""

from __future__ import annotations

import sys
from typing import Any, Optional

from .libraries import loaded_libraries
from .simulator import Simulator

LIBRARY = "corenrnmech"
MISSING = ("IntFire1", "IntFire2", "IntFire4", "AlphaSynapse", "APCount", "OClamp", "VClamp")
"""Point processes that come with NEURON but not with CoreNEURON, which aborts (8.2.7, 9.0.2)."""


def obstacle(sim: Simulator, unnamed_sources: int) -> str:
    """What in this rank's model CoreNEURON cannot simulate, or an empty string."""
    if _inserted(sim, "extracellular"):
        return "the model has extracellular mechanisms"
    if int(sim.h.List("LinearMechanism").count()):
        return "the model has a LinearMechanism"
    if _has_rxd():
        return "the model uses RxD"  # CoreNEURON would leave it out without a word
    missing = [name for name in MISSING if int(sim.h.List(name).count())]
    if missing or _inserted(sim, "fastpas"):
        return "it has no %s" % (missing or ["fastpas"])[0]
    if unnamed_sources:
        return "%d sources of spikes have no gid" % unnamed_sources
    return ""


def _has_rxd() -> bool:
    """Whether there is anything that reacts or diffuses; the import alone does nothing."""
    species, region = (sys.modules.get("neuron.rxd." + name) for name in ("species", "region"))
    return bool(getattr(species, "_all_species", ()) or getattr(region, "_all_regions", ()))


def _inserted(sim: Simulator, name: str) -> bool:
    return any(sim.h.ismembrane(name, sec=section) for section in sim.h.allsec())


def switch_on(sim: Simulator) -> None:
    """Let psolve use CoreNEURON from now on; quietly, because the model's output may be data."""
    from neuron import coreneuron

    coreneuron.enable = True
    coreneuron.verbose = 0
    sim.cvode.cache_efficient(1)  # NEURON 8.2 needs it; without effect in 9


def module() -> Any:
    """The module `neuron.coreneuron`; None when nobody has imported it."""
    return sys.modules.get("neuron.coreneuron")


def enabled() -> bool:
    """Whether the next psolve is CoreNEURON's."""
    return module() is not None and bool(module().enable)


def end_at(sim: Simulator, stop_ms: Optional[float]) -> None:
    """Let a psolve of CoreNEURON's that begins before `stop_ms` end there: it looks at no event and no stoprun, only at
    the tstop that NEURON hands over in words (`nrncore_arg`). None: it runs as far as it is told.
    """
    words = type(module()).nrncore_arg

    def until(tstop: float) -> str:
        if stop_ms is not None and float(sim.h.t) < stop_ms:
            tstop = min(tstop, stop_ms)
        return str(words(module(), tstop))

    module().nrncore_arg = until


def ran(sim: Simulator) -> bool:
    """Whether the run was CoreNEURON's: enabled, its library loaded, and no step was taken by NEURON's own psolve."""
    return (enabled() or sim.coreneuron_ran) and bool(loaded_libraries(LIBRARY)) and step_s(sim) == sim.step_s_before


def step_s(sim: Simulator) -> float:
    """Seconds that NEURON's own psolve has integrated in this process."""
    return sim.psolve_timers.read()["step_s"]
