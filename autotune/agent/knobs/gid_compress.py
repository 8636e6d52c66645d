"""gid_compress: send a gid as one byte instead of four (the second argument of `pc.spike_compress`).

It needs spike compression and at most 256 output gids on every rank. Where NEURON refuses, it prints a notice and
still returns nspike, so the count of output gids says what is in effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Collection, Dict, Optional, Tuple

from ..simulator import Simulator
from .exchange import COMPRESSING, no_exchange, set_exchange, write_exchange
from .knob import Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written

LARGEST_OUTPUT_GIDS = 256


class GidCompress(Knob):
    name = "gid_compress"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = False
    told_by = ToldBy.REQUEST
    keeps_timers = True
    order = 44
    part = "exchange"
    needs = "spike compression (nspike above 0)"

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        reason = no_exchange(facts)
        if reason:
            return Excluded(reason)
        if facts.cvode:
            return Excluded("variable step: NEURON does not compress spikes with CVODE")
        if facts.baseline["nspike"]:
            return Excluded("your model compresses its spikes itself, and NEURON cannot tell whether gids too")
        for rank, gids in enumerate(facts.output_gids):
            if gids > LARGEST_OUTPUT_GIDS:
                return Excluded("%d output gids on rank %d: gid compression needs 256 or fewer" % (gids, rank))
        return Domain((False, True), (True,))

    def active(self, settings: Dict[str, Any]) -> bool:
        gathering = settings.get("ranks") != 1 and not settings.get("multisend")
        return bool(gathering and settings.get("nspike", 0) > 0)

    def not_put_back(self, facts: ModelFacts, searched: Collection[str]) -> str:
        fit = all(gids <= LARGEST_OUTPUT_GIDS for gids in facts.output_gids)
        if not facts.baseline.get("nspike") or not fit or not set(COMPRESSING) & set(searched):
            return ""
        return "the model compresses its spikes itself, and NEURON cannot tell whether gids too, to put it back"

    def share(self, facts: ModelFacts) -> Optional[float]:
        return facts.share_of_run(facts.exchange_s)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        set_exchange(sim, self.name, settings)

    def written(self, value: Any, tuned: Tuned) -> Written:
        return write_exchange(self.name, tuned)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        # NEURON cannot be asked: False unless asked for here, whatever the script itself may have set.
        possible = int(sim.pc.spike_compress(-1)) > 0 and sim.output_gids <= LARGEST_OUTPUT_GIDS
        return bool(settings.get(self.name)) and possible

    def agree(self, values: Tuple[Any, ...]) -> Any:
        return all(values)
