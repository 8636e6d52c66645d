"""What one run of a built network leaves behind, saved before the first replay and put back before each.

finitialize begins most of a model anew. It does not rewind random streams (many models of ModelDB), put back voltages
when it is called without an argument (hnn-core), undo changed weights (plasticity), or know of dt. What is not listed
here shows up as a raster that differs from the fresh one; nothing may be assumed.
"""

from __future__ import annotations

import random
import re
from typing import Any, List, Optional, Tuple

import numpy as np

from .simulator import Simulator

# In hoc, because a loop over nodes or connections takes several times as long from Python. Locals only: a new global
# variable would be announced on the user's screen ("first instance of ...").
_PROCEDURES = """
proc autotune_save_voltages() { local i
    $o1.resize(0)
    forall {
        $o1.append(v(0))
        for i = 1, nseg { $o1.append(v((i - 0.5) / nseg)) }
        $o1.append(v(1))
    }
}
proc autotune_put_voltages() { local i, n
    n = 0
    forall {
        v(0) = $o1.x[n]
        for i = 1, nseg { v((i - 0.5) / nseg) = $o1.x[n + i] }
        v(1) = $o1.x[n + nseg + 1]
        n += nseg + 2
    }
}
proc autotune_save_weights() { local i, j  localobj list, nc
    list = new List("NetCon")
    $o1.resize(0)
    for i = 0, list.count() - 1 { nc = list.o(i)  for j = 0, nc.wcnt() - 1 { $o1.append(nc.weight[j]) } }
}
proc autotune_put_weights() { local i, j, n  localobj list, nc
    list = new List("NetCon")
    n = 0
    for i = 0, list.count() - 1 { nc = list.o(i)  for j = 0, nc.wcnt() - 1 { nc.weight[j] = $o1.x[n]  n += 1 } }
}
"""
_STEPS = ("dt", "steps_per_ms", "nstep_steprun")  # the last two are stdrun.hoc's
_COMMENTS = re.compile(r"\bCOMMENT\b.*?\bENDCOMMENT\b|[:?][^\n]*", re.DOTALL)
_STREAMS = re.compile(r"\bRANDOM\s+(\w+(?:\s*,\s*\w+)*)")


class State:
    """Made at the start of the main run's finitialize; restore() it before a replay."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        _define(sim)
        self._steps = {name: float(getattr(sim.h, name)) for name in _STEPS if hasattr(sim.h, name)}
        self._streams = [(stream, stream.seq()) for stream in _rewindable(sim)]
        self._mechanism_streams = [(stream, stream.get_seq()) for stream in _mechanism_streams(sim)]
        self._weights = sim.h.Vector()
        sim.h.autotune_save_weights(self._weights)
        self._voltages = sim.h.Vector()
        sim.h.autotune_save_voltages(self._voltages)
        self._stoprun = sim.h.stoprun
        self._python = random.getstate()
        self._numpy = np.random.get_state()

    def restore(self) -> None:
        """Put everything back; finitialize must follow."""
        for name, value in self._steps.items():
            setattr(self._sim.h, name, value)
        for stream, position in self._streams:
            stream.seq(position)
        for stream, position in self._mechanism_streams:
            stream.set_seq(position)
        self._sim.h.autotune_put_weights(self._weights)
        self._sim.h.autotune_put_voltages(self._voltages)
        self._sim.h.stoprun = self._stoprun
        random.setstate(self._python)
        np.random.set_state(self._numpy)


def uniform_mv(sim: Simulator) -> Optional[float]:
    """The voltage of every node of this rank in mV, or None where they differ or there are none."""
    _define(sim)
    voltages = sim.h.Vector()
    sim.h.autotune_save_voltages(voltages)
    if not voltages.size() or voltages.min() != voltages.max():
        return None
    return float(voltages.min())


def _define(sim: Simulator) -> None:
    if not hasattr(sim.h, "autotune_save_weights"):
        sim.h(_PROCEDURES)


def _rewindable(sim: Simulator) -> List[Any]:
    """Every Random whose position in its stream can be told: Random123 and MCellRan4."""
    streams = sim.h.List("Random")
    found = []
    for stream in (streams.o(index) for index in range(int(streams.count()))):
        try:
            stream.seq()
        except RuntimeError:  # another generator; NEURON says so on stderr, too
            continue
        found.append(stream)
    return found


def _mechanism_streams(sim: Simulator) -> List[Any]:
    """The RANDOM variables of NMODL (NEURON 9) of every instance of every mechanism."""
    if sim.version[0] < 9:
        return []
    return [getattr(owner, name) for owner, names in _owners(sim) for name in names]


def _owners(sim: Simulator) -> List[Tuple[Any, List[str]]]:
    """Instances of mechanisms that have RANDOM variables, with the names of these."""
    found: List[Tuple[Any, List[str]]] = []
    text = sim.h.ref("")
    for point in (0, 1):
        kinds = sim.h.MechanismType(point)
        for kind in range(int(kinds.count())):
            kinds.select(kind)
            code = _COMMENTS.sub(" ", kinds.code() or "")
            names = [name for group in _STREAMS.findall(code) for name in re.split(r"\s*,\s*", group)]
            if not names:
                continue
            kinds.selected(text)
            if point:
                instances = sim.h.List(text[0])
                found += [(instances.o(index), names) for index in range(int(instances.count()))]
            else:
                found += [
                    (getattr(segment, text[0]), names)
                    for section in sim.h.allsec()
                    if section.has_membrane(text[0])
                    for segment in section
                ]
    return found
