"""gid_compress: send a gid as one byte instead of four (the second argument of `pc.spike_compress`).

It needs spike compression and at most 256 output gids on every rank. Where NEURON refuses, it prints a notice and
still returns nspike, so the count of output gids says what is in effect.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from ..facts import ModelFacts
from ..simulator import Simulator
from .knob import Domain, Excluded, Knob

LARGEST_OUTPUT_GIDS = 256


class GidCompress(Knob):
    name = "gid_compress"
    order = 41

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if facts.ranks < 2:
            return Excluded("one rank: no spikes are exchanged")
        if facts.cvode:
            return Excluded("variable step: NEURON does not compress spikes with CVODE")
        if facts.min_delay_ms is None:
            return Excluded("no connection between ranks: no spikes are exchanged")
        for rank, gids in enumerate(facts.output_gids):
            if gids > LARGEST_OUTPUT_GIDS:
                return Excluded("%d output gids on rank %d: gid compression needs 256 or fewer" % (gids, rank))
        return Domain((False, True), (True,))

    def active(self, settings: Dict[str, Any]) -> bool:
        return bool(settings.get("nspike", 0) > 0 and settings.get("ranks") != 1)

    def share(self, facts: ModelFacts) -> Optional[float]:
        return facts.exchange_s / facts.run_s if facts.run_s else None

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        if "nspike" not in settings:  # otherwise nspike's own call has done it
            nspike = int(sim.pc.spike_compress(-1))
            if nspike > 0:
                sim.pc.spike_compress(nspike, 1 if value else 0)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        # NEURON cannot be asked: False unless asked for here, whatever the script itself may have set.
        possible = int(sim.pc.spike_compress(-1)) > 0 and sim.output_gids <= LARGEST_OUTPUT_GIDS
        return bool(settings.get(self.name)) and possible

    def agree(self, values: Tuple[Any, ...]) -> Any:
        return all(values)
