"""ranks: how many MPI processes share the network; the command says where the number goes with {ranks}.

More ranks share the integration and pay for exchange and imbalance. The raster is the same only if the model's random
numbers are keyed by gid, not by rank, and sums may differ in the last bit. More ranks than physical cores wait for
each other and are not tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

from ..simulator import Simulator
from .knob import ROUND_OFF, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class Ranks(Knob):
    name = "ranks"
    lifetime = Lifetime.START
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True
    given_type = int

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if not facts.ranks_tunable:
            return Excluded("the command has no {ranks}: mpiexec -n {ranks} ...")
        if facts.min_delay_ms == 0:
            return Excluded("a delay of 0 between ranks: NEURON cannot run this on more than one rank with fixed step")
        powers = {2**power for power in range(facts.cores.bit_length())}
        values = sorted(n for n in powers | {facts.cores, facts.ranks} if n <= facts.cores or n == facts.ranks)
        if len(values) < 2:
            return Excluded("one core: there is no other number of ranks to try")
        return Domain(tuple(values), safety=ROUND_OFF)

    def ranks(self, value: Any) -> Optional[int]:
        return int(value)

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import Written

        return Written(outside="start %d ranks: mpiexec -n %d ..." % (value, value))

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return sim.nhost
