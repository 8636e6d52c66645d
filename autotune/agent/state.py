"""What one run of a built network leaves behind, saved before the first replay and put back before each.

finitialize begins most of a model anew. It does not rewind random streams (many models of ModelDB), put back voltages
when it is called without an argument (hnn-core), undo changed weights (plasticity), or know of dt and of the model's
own variables (the position that mcell_ran4 is given). What is not listed here shows up as a raster that differs from
the fresh one; nothing may be assumed.
"""

from __future__ import annotations

import random
import re
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .simulator import Simulator

# In hoc, because a loop over nodes or connections takes several times as long from Python. Locals only: a new global
# variable would be announced on the user's screen ("first instance of ...").
_SAVE_VOLTAGES = """
proc autotune_save_voltages() { local i
    $o1.resize(0)
    forall {
        $o1.append(v(0))
        for i = 1, nseg { $o1.append(v((i - 0.5) / nseg)) }
        $o1.append(v(1))
    }
}
"""
_PUT_VOLTAGES = """
proc autotune_put_voltages() { local i, n
    n = 0
    forall {
        v(0) = $o1.x[n]
        for i = 1, nseg { v((i - 0.5) / nseg) = $o1.x[n + i] }
        v(1) = $o1.x[n + nseg + 1]
        n += nseg + 2
    }
}
"""
_SAVE_WEIGHTS = """
proc autotune_save_weights() { local i, j  localobj list, nc
    list = new List("NetCon")
    for i = 0, list.count() - 1 { nc = list.o(i)  for j = 0, nc.wcnt() - 1 { $o1.append(nc.weight[j]) } }
}
"""
_PUT_WEIGHTS = """
proc autotune_put_weights() { local i, j, n  localobj list, nc
    list = new List("NetCon")
    n = 0
    for i = 0, list.count() - 1 { nc = list.o(i)  for j = 0, nc.wcnt() - 1 { nc.weight[j] = $o1.x[n]  n += 1 } }
}
"""
_SCALAR = 5  # what name_declared says of a number, of an array of them, and of these properties of a section
_NOT_KEPT = {"t", "L", "Ra", "nseg", "rallbranch", "diam_changed"}
_COMMENTS = re.compile(r"\bCOMMENT\b.*?\bENDCOMMENT\b|[:?][^\n]*", re.DOTALL)
_STREAMS = re.compile(r"\bRANDOM\s+(\w+(?:\s*,\s*\w+)*)")


class State:
    """Made at the start of the main run's finitialize; restore() it before a replay."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._variables = _variables(sim)
        self._streams = [(stream, stream.seq()) for stream in _rewindable(sim)]
        self._mechanism_streams = [(stream, stream.get_seq()) for stream in _mechanism_streams(sim)]
        self._weights = sim.h.Vector()
        sim.unseen.procedure("autotune_save_weights", _SAVE_WEIGHTS)(self._weights)
        self._voltages = sim.h.Vector()
        _save_voltages(sim, self._voltages)
        self._python = random.getstate()
        self._numpy = np.random.get_state()

    def restore(self) -> None:
        """Put everything back; finitialize must follow."""
        now = _variables(self._sim)
        for name, value in self._variables.items():
            if now.get(name) != value:
                setattr(self._sim.h, name, value)
        for stream, position in self._streams:
            stream.seq(position)
        for stream, position in self._mechanism_streams:
            stream.set_seq(position)
        self._sim.unseen.procedure("autotune_put_weights", _PUT_WEIGHTS)(self._weights)
        self._sim.unseen.procedure("autotune_put_voltages", _PUT_VOLTAGES)(self._voltages)
        random.setstate(self._python)
        np.random.set_state(self._numpy)


def uniform_mv(sim: Simulator) -> Optional[float]:
    """The voltage of every node of this rank in mV, or None where they differ or there are none."""
    voltages = sim.h.Vector()
    _save_voltages(sim, voltages)
    if not voltages.size() or voltages.min() != voltages.max():
        return None
    return float(voltages.min())


def _save_voltages(sim: Simulator, voltages: Any) -> None:
    sim.unseen.procedure("autotune_save_voltages", _SAVE_VOLTAGES)(voltages)


def _variables(sim: Simulator) -> Dict[str, float]:
    """hoc's global numbers, dt and stoprun among them; names that end in _ are NEURON's own.

    Not those of mechanisms: some are computed once for all runs (tadj, beside a TABLE, in hnn-core's), others by each.
    """
    endings = ("_", *("_" + mechanism for mechanism in _mechanisms(sim)))
    names = (name for name in dir(sim.h) if sim.h.name_declared(name) == _SCALAR)
    values = {name: getattr(sim.h, name) for name in names if name not in _NOT_KEPT and not name.endswith(endings)}
    return {name: value for name, value in values.items() if isinstance(value, (int, float))}


def _mechanisms(sim: Simulator) -> List[str]:
    """The names of all mechanisms and point processes."""
    found = []
    text = sim.h.ref("")
    for point in (0, 1):
        kinds = sim.h.MechanismType(point)
        for kind in range(int(kinds.count())):
            kinds.select(kind)
            kinds.selected(text)
            found.append(text[0])
    return found


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
