"""What the model is: gids, delays, artificial cells, mechanisms. Read inside finitialize, leaving no object alive.

A NetCon that outlives its probe would change the minimum delay and so the exchange interval; none does.
"""

from __future__ import annotations

from typing import Any, Dict, List, Set

import numpy as np

from .libraries import loaded_libraries
from .simulator import Simulator
from .threadsafe import lacking_the_word, thread_unsafe
from .vectors import floats

GID_BLOCK = 8192  # NEURON cannot list gids; blocks of this size are asked one by one
LARGEST_BLOCKS = 512
MOST_DELAYS = 4096
NEAR_START = 32  # how many gids from each usual start on
LARGEST_GID = 2**31

# In hoc, because a million NetCons take 1 s there and 5 s from Python. NetCons of one source share its threshold: a
# mark put there tells which sources have been met, and is taken away again.
_NETCONS = """
proc autotune_netcons() { local i, x  localobj list, nc
    list = new List("NetCon")
    $o2.resize(list.count())
    if ($6) $o1.resize(list.count())
    for i = 0, list.count() - 1 {
        nc = list.o(i)
        if ($6) $o1.x[i] = nc.delay
        $o2.x[i] = nc.srcgid()
        if ($o2.x[i] < 0) {
            x = 0
            if (!nc.valid()) {
                x = nc.preloc()
                if (x != -1) { pop_section() } else if (object_id(nc.pre())) { x = 0 }
            }
            if (x != -1) if (nc.threshold != $3) {
                $o4.append(i)  $o5.append(nc.threshold)
                nc.threshold = $3
            }
        }
    }
    for i = 0, $o4.size() - 1 {
        nc = list.o($o4.x[i])
        nc.threshold = $o5.x[i]
        x = nc.preloc()
        if (x != -1) { pop_section() } else if (!object_id(nc.pre())) { $o4.x[i] = -1 }
    }
}
"""
_MARK_MV = -1.234567890123e300  # no model's threshold, nor near one: hoc calls numbers equal that differ by 1e-11
_THESE_GIDS = """
proc autotune_these_gids() { local i
    for i = 0, $o2.size() - 1 { $o3.x[i] = $o1.gid_exists($o2.x[i]) }
}
"""
_GIDS = """
proc autotune_gids() { local i
    for i = $2, $3 - 1 { $o4.x[i - $2] = $o1.gid_exists(i) }
}
"""


class NetConTable:
    """Source gids, sources and, where they are wanted, delays of all NetCons on this rank.

    `delays_ms` and `gids` have shape (n,), in the order of `List("NetCon")`; `sources` (m,) are the places in it of one
    NetCon for each source without a gid. A NetCon may have no target, or no source at all.
    """

    def __init__(self, sim: Simulator, delays_too: bool) -> None:
        delays, gids, sources, thresholds = (sim.h.Vector() for _ in range(4))
        sim.unseen.procedure("autotune_netcons", _NETCONS)(delays, gids, _MARK_MV, sources, thresholds, delays_too)
        self.delays_ms = floats(delays)
        self.gids = floats(gids).astype(np.int64)
        found = floats(sources).astype(np.int64)
        self.sources = found[found >= 0]


def distinct(values: np.ndarray) -> np.ndarray:
    """Each value once, ascending. As np.unique(), which loads numpy.ma: 20 ms in every process."""
    ordered = np.sort(values)
    new = np.ones(len(ordered), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return ordered[new]


def local_gids(sim: Simulator, table: NetConTable) -> Dict[int, int]:
    """The gids of this rank, ascending, each with `pc.gid_exists`.

    That is 1: no cell yet, 2: a cell, 3: a cell whose spikes are sent to other ranks.
    """
    named = np.concatenate([table.gids[table.gids >= 0], _usual_starts(sim)])
    pending: List[int] = sorted({0} | {int(block) for block in distinct(named // GID_BLOCK)})
    seen: Set[int] = set()
    found: Dict[int, int] = {}
    answers = sim.h.Vector(GID_BLOCK)
    ask = sim.unseen.procedure("autotune_gids", _GIDS)
    while pending and len(seen) < LARGEST_BLOCKS:
        block = pending.pop(0)
        if block in seen:
            continue
        seen.add(block)
        ask(sim.pc, block * GID_BLOCK, (block + 1) * GID_BLOCK, answers)
        states = floats(answers).astype(int)
        for offset in np.flatnonzero(states):
            found[block * GID_BLOCK + int(offset)] = int(states[offset])
        if states.any():  # gids are usually numbered without gaps
            pending.append(block + 1)
    return dict(sorted(found.items()))


def _usual_starts(sim: Simulator) -> np.ndarray:
    """Gids of this rank at which a population usually starts: round decimal and binary numbers, dealt out in turn.

    For cells that no NetCon of this rank names. What even this does not find is captured without its gid, and in a
    parallel run the count of sent spikes tells.
    """
    decimal = [k * 10**m for m in range(2, 10) for k in range(1, 100) if k * 10**m < LARGEST_GID]
    starts = distinct(np.array(decimal + [2**m for m in range(13, 31)], dtype=np.int64))
    asked = (starts[:, None] + np.arange(NEAR_START)).ravel()
    gids, answers = sim.h.Vector(asked.astype(float)), sim.h.Vector(len(asked))
    sim.unseen.procedure("autotune_these_gids", _THESE_GIDS)(sim.pc, gids, answers)
    return asked[floats(answers) > 0]


def probe(sim: Simulator, table: NetConTable, gids: Dict[int, int]) -> Dict[str, Any]:
    """The facts of this rank that the driver merges into ModelFacts."""
    remote = np.array([gid >= 0 and int(gid) not in gids for gid in table.gids], dtype=bool)
    delays = distinct(np.round(table.delays_ms, 9))
    mechanisms = _instances(sim)
    return {
        "cells": sum(1 for state in gids.values() if state >= 2),
        "gids_without_cell": [gid for gid, state in gids.items() if state == 1][:10],
        "output_gids": sum(1 for state in gids.values() if state == 3),
        "netcons": len(table.gids),
        "sections": sum(1 for _ in sim.h.allsec()),
        "trees": sum(1 for section in sim.h.allsec() if section.parentseg() is None),
        "delays_ms": delays[:MOST_DELAYS].tolist(),
        "min_delay_ms": float(table.delays_ms[remote].min()) if remote.any() else None,
        "artificial_cells": sum(mechanisms.values()),
        "artificial_mechanisms": mechanisms,
        "threads": int(sim.pc.nthread()),
        "thread_unsafe": thread_unsafe(sim),
        "lacking_threadsafe": lacking_the_word(sim),
        "libraries": loaded_libraries("libnrnmech"),
    }


def _instances(sim: Simulator) -> Dict[str, int]:
    """The kinds of artificial cells in use, with their number."""
    kinds = sim.h.MechanismType(1)
    name = sim.h.ref("")
    counts: Dict[str, int] = {}
    for kind in range(int(kinds.count())):
        if kinds.is_artificial(kind):
            kinds.select(kind)
            kinds.selected(name)
            number = int(sim.h.List(name[0]).count())
            if number:
                counts[name[0]] = number
    return counts
