"""bin_queue: sort events into one bin a time step instead of a splay tree (`cvode.queue_mode(1, …)`).

Events are then delivered on the grid of dt: exact when every delay is a multiple of dt, else the numbers change. With
the variable step method NEURON silently loses every event in this mode, so the pair is never tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

from ..simulator import Simulator
from .knob import EXACT, NUMERICAL, Domain, Excluded, InSession, Knob, Lifetime, ToldBy
from .queues import BIN, PART, queue_is, queue_share, set_queue, write_queues

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class BinQueue(Knob):
    name = "bin_queue"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.CHECKED
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True
    part = PART
    order = 30

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if facts.cvode:
            return Excluded("variable step: the bin queue loses events with CVODE")
        on_grid = facts.delays_on_grid and not facts.artificial_cells
        return Domain((False, True), (True,), EXACT if on_grid else NUMERICAL)

    def share(self, facts: ModelFacts) -> Optional[float]:
        return queue_share(facts)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        set_queue(sim, BIN, bool(value))

    def written(self, value: Any, tuned: Tuned) -> Written:
        return write_queues(self.name, tuned)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return queue_is(sim, BIN)
