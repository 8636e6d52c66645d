"""node_order: in which order the nodes of the cells are laid out in memory and solved (`pc.optimize_node_order`).

0 is the order of the sections, 1 interleaves the cells, 2 sorts by depth. It came with NEURON 9. With 2 the branched
cells of studies/ring took 0.73 of their time; for the cells of one compartment of studies/balanced no gain could be
seen. Sums are taken in another order, so that the last bit may differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Tuple

from ..simulator import Simulator
from .knob import ROUND_OFF, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class NodeOrder(Knob):
    name = "node_order"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = False
    told_by = ToldBy.NEURON
    keeps_timers = True
    order = 60

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if not any(map(self.works_in, facts.versions)):
            return Excluded("no effect in NEURON %d.%d" % facts.neuron[:2])
        if not facts.has_sections:
            return Excluded("no sections: there are no nodes")
        return Domain((0, 1, 2), safety=ROUND_OFF)

    def works_in(self, neuron: Tuple[int, ...]) -> bool:
        return neuron[0] >= 9

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        sim.pc.optimize_node_order(value)

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import alike

        return alike("{pc}.optimize_node_order(%d)" % value)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return int(sim.pc.optimize_node_order()) if sim.version[0] >= 9 else 0
