"""busywait: let idle threads spin instead of sleeping (`pc.thread_busywait`).

It saves the time to wake them, many times in each step, and keeps their cores busy. It needs more than one thread.
NEURON 9 ends with a failed assertion in its thread pool as soon as threads spin, so there it is never tried. NEURON
tells the switch only by setting it: the old value is read and put back. A process that waits for its next run switches
it off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Tuple

from ..simulator import Simulator
from .knob import Domain, Excluded, InSession, Knob, Lifetime, ToldBy
from .threads import Threads

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class Busywait(Knob):
    name = "busywait"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = False
    told_by = ToldBy.NEURON
    keeps_timers = True
    order = 21
    needs = "more than one thread"

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if not any(map(self.works_in, facts.versions)):
            return Excluded("NEURON 9 aborts when threads spin")
        threads = Threads().domain(facts)
        if isinstance(threads, Excluded) and facts.threads == 1:
            return threads
        return Domain((False, True))

    def works_in(self, neuron: Tuple[int, ...]) -> bool:
        return neuron[0] < 9

    def active(self, settings: Dict[str, Any]) -> bool:
        return bool(settings.get("threads", 1) > 1)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        sim.pc.thread_busywait(1 if value else 0)

    def rest(self, sim: Simulator, value: Any) -> None:
        sim.pc.thread_busywait(0)

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import alike

        return alike("{pc}.thread_busywait(%d)" % value)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        if sim.version[0] >= 9:
            return False
        now = sim.pc.thread_busywait(0)
        sim.pc.thread_busywait(now)
        return bool(now)
