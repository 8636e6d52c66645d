"""coreneuron: let `pc.psolve` run in CoreNEURON, NEURON's engine with compact memory and vectorised mechanisms.

It needs psolve, the fixed step and gids for all sources of spikes; extracellular mechanisms, LinearMechanism, RxD,
functions and events of the interpreter, vectors that record at given times or are played in steps, and some point
processes that come with NEURON (IntFire4, AlphaSynapse, …) are beyond it. Its mechanisms are built from the model's mod
files in the tuner's own cache; a model without mod files uses the library that comes with NEURON. NEURON's timers stand
still under it, so a study that searches it times the whole of every run from the end of finitialize on, the baseline's
too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Dict, Tuple

from .. import engine
from ..simulator import Simulator
from .knob import ROUND_OFF, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.start import BuildWish, Start
    from ..driver.written import Tuned, Written

LIBRARY_VARIABLE = "CORENEURONLIB"  # read by NEURON before it looks anywhere else


class CoreNeuron(Knob):
    name = "coreneuron"
    lifetime = Lifetime.BUILD
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.RUN
    keeps_timers = False
    order = 70

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if facts.baseline[self.name]:
            return Excluded("your model runs with CoreNEURON already")
        if not facts.psolve:
            return Excluded("the model runs without pc.psolve: CoreNEURON never gets its turn")
        if facts.by_jobs:
            return Excluded("the ranks do jobs by themselves or in subworlds: CoreNEURON wants all ranks at once")
        if facts.cvode:
            return Excluded("variable step: CoreNEURON has the fixed step only")
        if facts.no_coreneuron:
            return Excluded("CoreNEURON cannot run this: " + facts.no_coreneuron)
        if facts.threads > 1:
            return Excluded("the model uses %d threads: CoreNEURON is tried with one only" % facts.threads)
        if facts.launch.no_build:
            return Excluded(facts.launch.no_build)
        return Domain((False, True), (True,), ROUND_OFF)

    def refusal(self, settings: Dict[str, Any], facts: ModelFacts) -> str:
        if settings[self.name] and settings.get("threads", 1) > 1:
            return "CoreNEURON is tried with one thread only"
        return ""

    def build(self, wish: BuildWish, value: Any) -> BuildWish:
        return replace(wish, coreneuron=bool(value))

    def launch(self, start: Start, value: Any, settings: Dict[str, Any]) -> Start:
        if not value or start.built is None:
            return start
        return replace(start, environment={**start.environment, LIBRARY_VARIABLE: start.built.coreneuron})

    def launch_depends_on(self, value: Any) -> Tuple[str, ...]:
        return ()

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import Written, in_hoc

        on = ("from neuron import coreneuron", "coreneuron.enable = %s" % bool(value), "coreneuron.verbose = 0")
        more = ("{cvode}.cache_efficient(1)",) if value and tuned.facts.neuron[0] < 9 else ()
        build = "build the mechanisms with nrnivmodl -coreneuron" if value and tuned.facts.launch.mod_files else ""
        return Written((*on, *more), (*in_hoc(on), *more), build)

    def apply(self, sim: Simulator, value: Any, settings: Dict[str, Any]) -> None:
        if value:
            engine.switch_on(sim)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        return engine.ran(sim)
