"""secondorder: the order of the integration (`h.secondorder`): 0 is backward Euler, 1 and 2 are Crank-Nicolson.

It saves no time by itself: it makes the error smaller, so that a larger dt may be accepted beside it. Crank-Nicolson
can oscillate with stiff coupling. 2 also staggers the ionic currents, so that they are of second order too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

from ..simulator import Simulator
from .dt import Dt
from .knob import NUMERICAL, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class SecondOrder(Knob):
    name = "secondorder"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True
    order = 12

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if facts.cvode:
            return Excluded("variable step: CVODE chooses its own order")
        if not facts.has_sections:
            return Excluded("no sections: there is nothing to integrate")
        if isinstance(Dt().domain(facts), Excluded):
            return Excluded("it pays only beside a larger dt, and there is none to try")
        return Domain((0, 1, 2), safety=NUMERICAL)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        sim.h.secondorder = value

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import assigned

        return assigned("secondorder", value)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return int(sim.h.secondorder)
