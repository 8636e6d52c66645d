"""multisend_subintervals: exchange twice in each interval of the smallest delay, so that a spike has one whole half to
travel in (4 in the third argument of `pc.spike_compress`).

It needs multisend, and half of the smallest delay between ranks must still be a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

from ..simulator import Simulator
from .exchange import SUBINTERVALS, method_in_effect, set_exchange, write_exchange
from .knob import Domain, Excluded, InSession, Knob, Lifetime, ToldBy
from .multisend import Multisend

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class MultisendSubintervals(Knob):
    name = "multisend_subintervals"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True
    order = 41
    part = "exchange"
    needs = "the multisend exchange"

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        multisend = Multisend().domain(facts)
        if isinstance(multisend, Excluded):
            return multisend
        if not _fits(facts, facts.dt_ms):
            return Excluded("half of the smallest delay between ranks is less than a step")
        return Domain((False, True))

    def active(self, settings: Dict[str, Any]) -> bool:
        return bool(settings.get("multisend")) and settings.get("ranks") != 1

    def refusal(self, settings: Dict[str, Any], facts: ModelFacts) -> str:
        if settings.get(self.name) and not _fits(facts, settings.get("dt", facts.dt_ms)):
            return "half of the smallest delay between ranks is less than a step"
        return ""

    def share(self, facts: ModelFacts) -> Optional[float]:
        return facts.share_of_run(facts.exchange_s)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        set_exchange(sim, self.name, settings)

    def written(self, value: Any, tuned: Tuned) -> Written:
        return write_exchange(self.name, tuned)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return bool(method_in_effect(sim) & SUBINTERVALS)


def _fits(facts: ModelFacts, dt_ms: float) -> bool:
    return facts.min_delay_ms is None or facts.min_delay_ms / 2.0 >= dt_ms * (1.0 - 1e-9)
