"""neuron: which installation of NEURON runs the model, among those named with --env.

Versions differ by more than a factor of two in both directions: artificial cells are faster in 8.2, cells with many
mechanisms in 9. The interpreter or nrniv of the command is replaced by the one of that environment, and compiled
mechanisms are built for it. Knobs that one of the versions lacks are searched in the other only.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Dict, Tuple

from ..libraries import loaded_libraries
from ..simulator import Simulator
from .knob import ROUND_OFF, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.start import BuildWish, Start
    from ..driver.written import Tuned, Written


class Neuron(Knob):
    name = "neuron"
    lifetime = Lifetime.BUILD
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        own = facts.baseline[self.name]
        others = [path for path, _ in facts.launch.environments if path != own]
        if not others:
            return Excluded("no other environment was named: --env PATH")
        if facts.launch.no_build:
            return Excluded(facts.launch.no_build)
        return Domain((own, *others), safety=ROUND_OFF)

    def possible(self, value: Any) -> bool:
        return isinstance(value, str)  # a path, which whoever applies the answer must name, too

    def build(self, wish: BuildWish, value: Any) -> BuildWish:
        return replace(wish, home=value)

    def launch(self, start: Start, value: Any, settings: Dict[str, Any]) -> Start:
        from ..driver.loading import load_built

        name = os.path.basename(start.program[0])
        if name == "special":  # built with the mechanisms
            return load_built(start)
        program = os.path.join(value, "bin", name if name in ("nrniv", "nrngui") else "python")
        return load_built(replace(start, program=(program, *start.program[1:])))

    def launch_depends_on(self, value: Any) -> Tuple[str, ...]:
        return ()

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import Written

        return Written(outside="run it with the NEURON of %s, its mechanisms built there" % value)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        """The environment whose libnrniv is loaded."""
        library = next(iter(loaded_libraries("libnrniv.")), "")
        return os.path.realpath(library.partition("/lib/python")[0]) if library else ""
