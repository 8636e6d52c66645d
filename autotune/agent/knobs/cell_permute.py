"""cell_permute: the order of compartments in CoreNEURON (`coreneuron.cell_permute`): 0 as built, 1 interleaved by
neighbourhood, which lets one instruction work on several cells.

2 is for GPUs; on a CPU it ends in a failed assertion and is never tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

from .. import engine
from ..simulator import Simulator
from .coreneuron import CoreNeuron
from .knob import ROUND_OFF, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written


class CellPermute(Knob):
    name = "cell_permute"
    lifetime = Lifetime.FINITIALIZE
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.RUN
    keeps_timers = True
    order = 71
    needs = "CoreNEURON"

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if facts.baseline.get("coreneuron") and facts.baseline.get(self.name) in (0, 1):
            return Domain((0, 1), (1,), ROUND_OFF)
        without = CoreNeuron().domain(facts)
        if isinstance(without, Excluded):
            return Excluded("acts in CoreNEURON only; " + without.reason)
        return Domain((0, 1), (1,), ROUND_OFF)

    def active(self, settings: Dict[str, Any]) -> bool:
        return bool(settings.get("coreneuron"))

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        if engine.enabled():
            engine.module().cell_permute = value

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import Written, in_hoc

        lines = ("from neuron import coreneuron", "coreneuron.cell_permute = %d" % value)
        return Written(lines, in_hoc(lines))

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return int(engine.module().cell_permute) if engine.module() is not None and engine.ran(sim) else 0
