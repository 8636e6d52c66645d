"""nspike: how many spikes fit into the fixed-size message of a spike exchange (`pc.spike_compress(nspike, …)`); 0 is
no compression.

With compression a spike is a byte of time and a gid, and up to nspike of them travel in one MPI_Allgather; more need
a second message. The published advice is to take nspike from the spike-exchange histogram (`pc.max_histogram`): the
95th percentile is the place to start. NEURON aborts the process when the smallest delay between ranks is 255 steps or
more, so `pc.set_maxstep` keeps it below. A handler of the model's own (FInitializeHandler of type 3) that sets dt or
maxstep afterwards undoes that: such a trial crashes, and is rejected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

from ..simulator import Simulator
from .exchange import no_exchange, set_exchange, write_exchange
from .knob import EXACT, NUMERICAL, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class NSpike(Knob):
    name = "nspike"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True
    order = 43
    part = "exchange"
    needs = "the gathering exchange"
    given_type = int

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        reason = no_exchange(facts)
        if reason:
            return Excluded(reason)
        if facts.cvode:
            return Excluded("variable step: NEURON does not compress spikes with CVODE")
        if facts.baseline.get("coreneuron"):
            return Excluded("your model runs with CoreNEURON: how many spikes an exchange carries is not known")
        p50, p95, p99 = (max(1, facts.spikes_per_exchange(p)) for p in (50, 95, 99))
        largest = max(1, len(facts.histogram) - 1)
        values = sorted({0, p50, p95, p99, largest, int(facts.baseline[self.name])})
        return Domain(tuple(values), (p95,), NUMERICAL if facts.artificial_gids else EXACT)

    def active(self, settings: Dict[str, Any]) -> bool:
        return settings.get("ranks") != 1 and not settings.get("multisend")

    def share(self, facts: ModelFacts) -> Optional[float]:
        return facts.share_of_run(facts.exchange_s)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        set_exchange(sim, self.name, settings)

    def written(self, value: Any, tuned: Tuned) -> Written:
        return write_exchange(self.name, tuned)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return int(sim.pc.spike_compress(-1))
