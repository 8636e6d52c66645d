"""mod_flags: how the compiler translates the model's mod files (`nrnivmodl -incflags`); "own" is the user's own build.

The wheels of NEURON compile them at plain -O2 for any processor. `-O3 -march=native` uses this machine's vector
instructions; its fused multiply-add changes the last bit, `-ffp-contract=off` keeps that away. `-ffast-math` reorders
sums, multiplies by reciprocals and turns `m^3` into two multiplications; on a hoc network from the literature that took
16 % off the CPU time of plain -O2, where -O3 took 4 %, and printed the same raster. `-fno-finite-math-only` keeps a
mechanism's own test for NaN. Only the compiler is given these flags: a linker that sees them would set flush-to-zero
for the whole process, NEURON included, so that is read back, and a run in which it changed is refused. The mechanisms
are built in the tuner's cache and loaded in place of the user's, never beside them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Dict, Tuple

from ..libraries import build_record, loaded_libraries
from ..simulator import Simulator
from .knob import NUMERICAL, ROUND_OFF, Domain, Excluded, InSession, Knob, Lifetime, ToldBy

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.start import BuildWish, Start
    from ..driver.written import Tuned, Written

OWN = "own"
FLAGS = (OWN, "-O3 -march=native", "-O3 -march=native -ffp-contract=off")
FAST_MATH = "-O3 -march=native -ffast-math -fno-finite-math-only"


class ModFlags(Knob):
    name = "mod_flags"
    lifetime = Lifetime.BUILD
    in_session = InSession.FREELY
    in_coreneuron = True
    told_by = ToldBy.NEURON
    keeps_timers = True

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if facts.launch.no_build:
            return Excluded(facts.launch.no_build)
        if not facts.launch.mod_files:
            return Excluded("no compiled mechanisms: there is nothing to build")
        return Domain((*FLAGS, FAST_MATH), FLAGS[1:2], ROUND_OFF, ((FAST_MATH, NUMERICAL),))

    def possible(self, value: Any) -> bool:
        return value in (*FLAGS, FAST_MATH)

    def build(self, wish: BuildWish, value: Any) -> BuildWish:
        return wish if value == OWN else replace(wish, flags=value)

    def launch(self, start: Start, value: Any, settings: Dict[str, Any]) -> Start:
        from ..driver.loading import load_built

        return load_built(start)

    def launch_depends_on(self, value: Any) -> Tuple[str, ...]:
        return ()

    def written(self, value: Any, tuned: Tuned) -> Written:
        from ..driver.written import Written

        if value == OWN:
            return Written(outside="use mechanisms that nrnivmodl has built with its own flags")
        return Written(outside='build the mechanisms with nrnivmodl -incflags "%s"' % value)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        for library in loaded_libraries("libnrnmech"):
            try:
                return json.loads(build_record(library).read_text())["flags"] or OWN
            except (OSError, ValueError, KeyError):
                continue  # not the tuner's
        return OWN
