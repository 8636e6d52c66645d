"""cache_efficient: lay the data of each thread out in contiguous arrays (`cvode.cache_efficient`).

It acts in NEURON 8.2 only, where the branched cells of studies/ring run 2.5 times as fast with it; NEURON 9 always
does so, and the call returns 1 whatever is asked. Once on, it is not switched off again in the same process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Tuple

from ..simulator import Simulator
from .knob import Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class CacheEfficient(Knob):
    name = "cache_efficient"
    lifetime = Lifetime.STICKY  # switched off again, it has crashed a model of hnn-core's (8.2.7)
    in_session = InSession.FREELY
    in_coreneuron = False
    told_by = ToldBy.NEURON
    keeps_timers = True
    order = 60

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if not any(map(self.works_in, facts.versions)):
            return Excluded("no effect in this NEURON (version 9 is always cache efficient)")
        return Domain((False, True), (True,))

    def works_in(self, neuron: Tuple[int, ...]) -> bool:
        return neuron[0] < 9

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        sim.cvode.cache_efficient(1 if value else 0)

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import alike

        return alike("{cvode}.cache_efficient(%d)" % value)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return bool(int(sim.cvode.cache_efficient()))
