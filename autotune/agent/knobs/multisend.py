"""multisend: send each spike to the ranks that need it (MPI_Isend) instead of gathering all spikes on all ranks (the
third argument of `pc.spike_compress`).

It was made for thousands of ranks, where it overlaps communication with computation; on a few ranks the gathering is
usually faster. Spikes are not compressed then, so that those of artificial cells arrive between steps where the model
itself compresses; and the barrier of `step_wait` is not used. NEURON crashes unless `pc.set_maxstep` follows, so it
does. One thread a rank only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

from ..simulator import Simulator
from .exchange import MULTISEND, method_in_effect, no_exchange, set_exchange, write_exchange
from .knob import EXACT, NUMERICAL, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class Multisend(Knob):
    name = "multisend"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True
    order = 40
    part = "exchange"

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        reason = no_exchange(facts)
        if reason:
            return Excluded(reason)
        if facts.cvode:
            return Excluded("variable step: the multisend exchange is not tried with CVODE")
        if facts.threads > 1:
            return Excluded("%d threads: the multisend exchange needs one thread a rank" % facts.threads)
        off_the_grid = facts.artificial_gids and facts.baseline.get("nspike")
        return Domain((False, True), safety=NUMERICAL if off_the_grid else EXACT)

    def active(self, settings: Dict[str, Any]) -> bool:
        return settings.get("ranks") != 1

    def refusal(self, settings: Dict[str, Any], facts: ModelFacts) -> str:
        threads = settings.get("threads", facts.threads)
        if settings.get(self.name) and threads > 1:
            return "%d threads: the multisend exchange needs one thread a rank" % threads
        return ""

    def share(self, facts: ModelFacts) -> Optional[float]:
        return facts.share_of_run(facts.exchange_s)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        set_exchange(sim, self.name, settings)

    def written(self, value: Any, tuned: Tuned) -> Written:
        return write_exchange(self.name, tuned)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return bool(method_in_effect(sim) & MULTISEND)
