"""What the cells of this rank are, for a profile, and how much work: segments, times what must be computed in each.

NEURON's own estimate (`LoadBalance.cell_complexity`, loadbal.hoc) measures mechanisms by running them, which would
change the model; here each mechanism of a segment counts as much as the segment's place in the matrix.
"""

from __future__ import annotations

from typing import Any, Dict, List

from .simulator import Simulator

MOST_CELLS = 20_000


def complexity(sim: Simulator) -> Dict[str, Any]:
    """Segments and trees of this rank, its work, that of each cell whose gid can be told ([[gid, work]]), and the gids
    by what their cells are: a template or a class.
    """
    work: Dict[Any, float] = {}
    segments = 0
    density = _density_names(sim)
    for section in sim.h.allsec():
        mechanisms = sum(1 for name in density if section.has_membrane(name))
        points = sum(len(segment.point_processes()) for segment in section)
        segments += section.nseg
        cell = section.cell()
        key = _key(cell if cell is not None else _root(section))
        work[key] = work.get(key, 0.0) + section.nseg * (1 + mechanisms) + points
    cells: List[List[float]] = []
    kinds: Dict[str, List[int]] = {}
    for gid in sim.cell_gids[:MOST_CELLS]:
        cell = sim.pc.gid2cell(gid)
        key = _key(cell)
        kinds.setdefault(_kind(cell), []).append(gid)
        if key in work:
            cells.append([gid, work[key]])
    return {"segments": segments, "trees": len(work), "work": sum(work.values()), "cells": cells, "gids": kinds}


def _root(section: Any) -> Any:
    tree = section.trueparentseg()
    while tree is not None:
        section, tree = tree.sec, tree.sec.trueparentseg()
    return section


def _key(cell: Any) -> Any:
    """What is the same for two Python objects of one cell."""
    name = getattr(cell, "hname", None)
    return name() if callable(name) else id(cell)


def _kind(cell: Any) -> str:
    """Cell[3] and Cell[4] are both a Cell."""
    name = getattr(cell, "hname", None)
    return str(name()).partition("[")[0] if callable(name) else type(cell).__name__


def _density_names(sim: Simulator) -> List[str]:
    kinds = sim.h.MechanismType(0)
    name = sim.h.ref("")
    found = []
    for kind in range(int(kinds.count())):
        kinds.select(kind)
        kinds.selected(name)
        found.append(str(name[0]))
    return found
