"""step_wait: the barrier before every spike exchange, which NEURON makes by default to tell waiting from sending; off
is `pc.step_wait(-1)`.

Without it the ranks wait in the exchange itself, so that what is saved is at most the barrier's own cost. NEURON
cannot be asked for the switch: the timer of the barrier stands at 0 when no barrier was made. The multisend exchange
has no barrier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

from ..simulator import Simulator
from .exchange import no_exchange
from .knob import Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class StepWait(Knob):
    name = "step_wait"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = False
    told_by = ToldBy.RUN
    keeps_timers = True
    order = 55
    part = "the barrier before exchange"
    needs = "the gathering exchange"

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        reason = no_exchange(facts)
        return Excluded(reason) if reason else Domain((True, False))

    def active(self, settings: Dict[str, Any]) -> bool:
        return not settings.get("multisend") and settings.get("ranks") != 1

    def share(self, facts: ModelFacts) -> Optional[float]:
        return facts.share_of_run(facts.barrier_s) if facts.baseline.get(self.name) else None

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        sim.pc.step_wait(0 if value else -1)

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import alike

        return alike("{pc}.step_wait(%d)" % (0 if value else -1))

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return float(sim.pc.step_wait()) > 0.0
