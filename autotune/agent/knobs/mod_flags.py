"""mod_flags: how the compiler translates the model's mod files (`nrnivmodl -incflags`); "own" is the user's own build.

The wheels of NEURON compile them at plain -O2 for any processor. `-O3 -march=native` uses this machine's vector
instructions; its fused multiply-add changes the last bit, `-ffp-contract=off` keeps that away. The mechanisms are
built in the tuner's cache and loaded in place of the user's, never beside them.
"""

from __future__ import annotations

import json
from typing import Any, Dict

from ..facts import ModelFacts
from ..libraries import build_record, loaded_libraries
from ..simulator import Simulator
from .knob import ROUND_OFF, Domain, Excluded, Knob, Start
from .loading import load_built

OWN = "own"
FLAGS = (OWN, "-O3 -march=native", "-O3 -march=native -ffp-contract=off")


class ModFlags(Knob):
    name = "mod_flags"
    at_launch = True

    def domain(self, facts: ModelFacts) -> Domain | Excluded:
        if facts.launch.no_build:
            return Excluded(facts.launch.no_build)
        if not facts.launch.mod_files:
            return Excluded("no compiled mechanisms: there is nothing to build")
        return Domain(FLAGS, FLAGS[1:2], ROUND_OFF)

    def launch(self, start: Start, value: Any, settings: Dict[str, Any]) -> Start:
        return load_built(start)

    def read_back(self, sim: Simulator, settings: Dict[str, Any]) -> Any:
        for library in loaded_libraries("libnrnmech"):
            try:
                return json.loads(build_record(library).read_text())["flags"] or OWN
            except (OSError, ValueError, KeyError):
                continue  # not the tuner's
        return OWN
