"""maxstep: the longest time between spike exchanges (`pc.set_maxstep`).

Only the smaller of it and the smallest delay between ranks counts, so the one value worth trying is that delay, and
only where the watched run exchanged more often. None leaves it as the model sets it. With compressed spikes an
interval has at most 254 steps. With threads or the self queue the smallest delay of all connections counts, and this
knob cannot act. What is read back is the smallest of the intervals that `set_maxstep` returned on the ranks, unless
spikes were exchanged clearly more often; NEURON has no way to ask for the interval of a model that was left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Collection, Dict, Optional, Tuple

from ..simulator import Simulator
from .exchange import LARGEST_INTERVAL_MS, LARGEST_INTERVAL_STEPS, TOGETHER, no_exchange, set_exchange, write_exchange
from .knob import Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written

CLEARLY = 1.25  # the interval is seen through the number of exchanges, of which each psolve adds one


class MaxStep(Knob):
    name = "maxstep"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = False
    told_by = ToldBy.EXCHANGES
    keeps_timers = True
    order = 50
    part = "exchange"
    given_type = float
    needs = "one thread and no self queue"

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        reason = no_exchange(facts)
        if reason:
            return Excluded(reason)
        if facts.cvode:
            return Excluded("variable step: maxstep would bound CVODE's steps too")
        assert facts.min_delay_ms is not None
        longest = round(min(facts.min_delay_ms, LARGEST_INTERVAL_MS, LARGEST_INTERVAL_STEPS * facts.dt_ms), 9)
        interval = facts.exchange_interval_ms
        if interval is None:
            return Excluded("no exchange was counted: how often spikes are exchanged is not known")
        if longest < CLEARLY * interval:
            return Excluded("spikes are already exchanged as seldom as the delays allow, every %g ms" % longest)
        return Domain((None, longest), (longest,))

    def active(self, settings: Dict[str, Any]) -> bool:
        return not settings.get("self_queue") and settings.get("threads", 1) == 1 and settings.get("ranks") != 1

    def not_put_back(self, facts: ModelFacts, searched: Collection[str]) -> str:
        lost = {*TOGETHER, "dt"} & set(searched)  # each of them sets the interval
        if not lost or isinstance(self.domain(facts), Excluded):
            return ""
        return "the model sets its exchange interval itself, and NEURON cannot tell it to put it back"

    def share(self, facts: ModelFacts) -> Optional[float]:
        return facts.share_of_run(facts.exchange_s)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        set_exchange(sim, self.name, settings)

    def written(self, value: Any, tuned: Tuned) -> Written:
        return write_exchange(self.name, tuned)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        if sim.maxstep_ms is None:
            return None
        exchanged = sim.exchange_interval_ms  # of rank 0: a handler of the script's own may have set another after us
        lost = exchanged is not None and sim.maxstep_ms >= CLEARLY * exchanged
        return round(exchanged if exchanged is not None and lost else sim.maxstep_ms, 9)

    def agree(self, values: Tuple[Any, ...]) -> Any:
        known = [value for value in values if value is not None]
        return min(known) if known else None
