"""binding: whether each rank is bound to a core of its own (Open MPI's --bind-to core) or to none (--bind-to none).

A bound rank keeps its caches and is not moved; an unbound one can give way to other work on the machine. Open MPI
binds two ranks to cores, and more to the whole processor. Never changed where the command says it itself.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Set

from ..facts import ModelFacts
from ..simulator import Simulator
from .knob import EXACT, Domain, Excluded, Knob, Start

CORE, NONE, WIDER = "core", "none", "wider"
SIBLINGS = "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list"


class Binding(Knob):
    name = "binding"
    at_launch = True

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if not facts.launch.mpi:
            return Excluded("the command has no launcher that could bind ranks")
        if facts.launch.mpi != "Open MPI":
            return Excluded("%s: only Open MPI's way of binding is known" % facts.launch.mpi)
        if facts.launch.placed:
            return Excluded("your command places the ranks itself")
        if facts.cores < 2:
            return Excluded("one core: there is nothing to choose")
        own = facts.baseline[self.name]
        return Domain((own, *(value for value in (CORE, NONE) if value != own)), safety=EXACT)

    def refusal(self, settings: Dict[str, Any], facts: ModelFacts) -> str:
        ranks = settings.get("ranks", facts.ranks)
        if settings[self.name] == CORE and ranks > facts.cores:
            return "%d ranks cannot have a core each: there are %d" % (ranks, facts.cores)
        return ""

    def launch(self, start: Start, value: Any, settings: Dict[str, Any]) -> Start:
        if value not in (CORE, NONE):
            return start
        return replace(start, launcher=(start.launcher[0], "--bind-to", value, *start.launcher[1:]))

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        if not hasattr(os, "sched_getaffinity"):
            return NONE  # macOS binds nothing
        allowed = os.sched_getaffinity(0)
        if len(allowed) >= _cpus_of_ancestors():
            return NONE
        return CORE if allowed <= _siblings(min(allowed)) else WIDER


def _cpus_of_ancestors() -> int:
    """The largest number of logical CPUs that a process above this one may use: what no binding at all would give."""
    pid, most = os.getpid(), 1
    while pid > 1:
        try:
            most = max(most, len(os.sched_getaffinity(pid)))
            pid = int(Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            break
    return most


def _siblings(cpu: int) -> Set[int]:
    """The logical CPUs of the physical core of `cpu`."""
    try:
        parts = Path(SIBLINGS % cpu).read_text().strip().split(",")
    except OSError:
        return {cpu}
    ranges = [part.partition("-") for part in parts]
    return {number for low, _, high in ranges for number in range(int(low), int(high or low) + 1)}
