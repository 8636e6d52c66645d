"""multisend_two_phase: hand a spike to about the square root of its target ranks, which pass it on (8 in the third
argument of `pc.spike_compress`).

It needs multisend, and pays where a cell projects to very many ranks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

from ..simulator import Simulator
from .exchange import TWO_PHASE, method_in_effect, set_exchange, write_exchange
from .knob import Domain, Excluded, InSession, Knob, Lifetime, ToldBy
from .multisend import Multisend

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written

FEWEST_RANKS = 4  # with fewer there is no second phase worth the name


class MultisendTwoPhase(Knob):
    name = "multisend_two_phase"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True
    order = 42
    part = "exchange"
    needs = "the multisend exchange"

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        multisend = Multisend().domain(facts)
        if isinstance(multisend, Excluded):
            return multisend
        most = max(facts.ranks, facts.cores if facts.ranks_tunable else 0)
        if most < FEWEST_RANKS:
            return Excluded("%d ranks: two phases need %d or more to send by way of others" % (most, FEWEST_RANKS))
        return Domain((False, True))

    def active(self, settings: Dict[str, Any]) -> bool:
        return bool(settings.get("multisend")) and settings.get("ranks") != 1

    def share(self, facts: ModelFacts) -> Optional[float]:
        return facts.share_of_run(facts.exchange_s)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        set_exchange(sim, self.name, settings)

    def written(self, value: Any, tuned: Tuned) -> Written:
        return write_exchange(self.name, tuned)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return bool(method_in_effect(sim) & TWO_PHASE)
