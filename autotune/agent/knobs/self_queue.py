"""self_queue: keep self-events of artificial cells and NET_RECEIVE blocks out of the main queue (`cvode.queue_mode(…,
1)`).

It needs `pc.psolve` (with `run()` the self-events that are pending at the end are lost) and delays above zero (NEURON
clears the mode otherwise, and says so only after finitialize). A second run in the same process crashes: artificial
cells keep pointers to the first run's last self-events, which this mode follows (SelfEvent::deliver in netcvode.cpp).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

from ..simulator import Simulator
from .knob import Domain, Excluded, InSession, Knob, Lifetime, ToldBy
from .queues import PART, SELF, queue_is, queue_share, set_queue, write_queues

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class SelfQueue(Knob):
    name = "self_queue"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.ONCE
    in_coreneuron = False
    told_by = ToldBy.NEURON
    keeps_timers = True
    part = PART
    order = 31

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if not facts.psolve:
            return Excluded("the model runs without pc.psolve: the self queue would lose pending self-events")
        if facts.zero_delay:
            return Excluded("zero delays: NEURON clears the self queue")
        if facts.baseline.get("nspike"):
            return Excluded("your model compresses its spikes: NEURON may abort at a finitialize before pc.set_maxstep")
        return Domain((False, True), (True,))

    def share(self, facts: ModelFacts) -> Optional[float]:
        return queue_share(facts)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        set_queue(sim, SELF, bool(value))

    def written(self, value: Any, tuned: Tuned) -> Written:
        return write_queues(self.name, tuned)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return queue_is(sim, SELF)
