"""binding: whether each rank is bound to a core of its own, to as many cores as it has threads, or to none.

A bound rank keeps its caches and is not moved; an unbound one can give way to other work on the machine. Open MPI
binds two ranks to cores, and more to the whole processor; Intel MPI binds, MPICH does not. The threads of a rank that
is bound to one core would share it, so that is never tried. Never changed where the command says it itself. The words
for it are the launcher's own.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Tuple

from ..affinity import cores_of, siblings
from ..simulator import Simulator
from .knob import EXACT, Domain, Excluded, InSession, Knob, Lifetime, ToldBy
from .threads import Threads

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.start import Start
    from ..driver.written import Tuned, Written

CORE, CORES, NONE, WIDER = "core", "cores", "none", "wider"
BOUND_TO = {
    CORE: "bind each rank to a core of its own",
    CORES: "bind each rank to as many cores as it has threads",
    NONE: "bind no rank to a core",
    WIDER: "bind ranks as the launcher does by itself",
}


class Binding(Knob):
    name = "binding"
    lifetime = Lifetime.START
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if not facts.launch.mpi:
            return Excluded("the command has no launcher that could bind ranks")
        if not facts.launch.binding:
            return Excluded("how this launcher (%s) binds ranks is not known" % facts.launch.mpi)
        if facts.launch.placed:
            return Excluded("your command places the ranks itself")
        if facts.cores < 2:
            return Excluded("one core: there is nothing to choose")
        own = facts.baseline[self.name]
        threads = facts.threads == 1 and isinstance(Threads().domain(facts), Domain)
        values = (CORE, *((CORES,) if threads else ()), NONE)
        crowded = facts.ranks > facts.cores and not facts.ranks_tunable
        others = [value for value in values if value != own and not (crowded and value != NONE)]
        if not others:
            return Excluded("%d ranks on %d cores: none can have a core of its own" % (facts.ranks, facts.cores))
        return Domain((own, *others), (CORES,) if threads and not crowded else (), EXACT)

    def possible(self, value: Any) -> bool:
        return isinstance(value, str) and value in BOUND_TO

    def refusal(self, settings: Dict[str, Any], facts: ModelFacts) -> str:
        ranks, threads = settings.get("ranks", facts.ranks), settings.get("threads", facts.threads)
        if settings[self.name] in (CORE, CORES) and ranks > facts.cores:
            return "%d ranks cannot have a core each: there are %d" % (ranks, facts.cores)
        if settings[self.name] == CORES and threads == 1:
            return "one thread needs one core: the same as %s" % CORE
        return ""

    def launch(self, start: Start, value: Any, settings: Dict[str, Any]) -> Start:
        words = words_of(start.binding, value, settings.get("threads", 1))
        # Behind the launcher's name, and the subcommand that it may have: `flux run`.
        at = next((at for at, word in enumerate(start.launcher) if word.startswith("-")), len(start.launcher))
        return replace(start, launcher=(*start.launcher[:at], *words, *start.launcher[at:]))

    def launch_depends_on(self, value: Any) -> Tuple[str, ...]:
        return ("threads",) if value == CORES else ()

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import Written

        words = words_of(tuned.facts.launch.binding, value, tuned.get("threads") or 1)
        return Written(outside="%s: %s" % (BOUND_TO[value], " ".join(words) or "without an option of the launcher"))

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        if not hasattr(os, "sched_getaffinity"):
            return NONE  # macOS binds nothing
        allowed = os.sched_getaffinity(0)
        cores = cores_of(allowed)
        if settings.get(self.name) == CORES and cores == int(sim.pc.nthread()) > 1:
            return CORES  # on a small machine these may be all there are
        if len(allowed) >= _cpus_of_ancestors():
            return NONE
        return CORE if cores == 1 else WIDER


def words_of(binding: Dict[str, Tuple[str, ...]], value: str, threads: int) -> Tuple[str, ...]:
    """The launcher's words for a binding; none for WIDER, which is the launcher's own."""
    numbers = {"threads": threads, "cpus": threads * len(siblings(0))}
    return tuple(word.format(**numbers) for word in binding.get(value, ()))


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
