"""How a command is made to load mechanisms that the tuner built, in place of the user's own.

NEURON loads `x86_64/libnrnmech.so` of its working directory by itself, unless -dll names another library: on the
command line of nrniv, or in NEURON_MODULE_OPTIONS for the Python module. A special has its library linked in, so the
program itself is replaced. Nothing is ever loaded twice: NEURON would end with "mechanism already exists".
"""

from __future__ import annotations

import os
from dataclasses import replace

from .start import Start

OPTIONS_VARIABLE = "NEURON_MODULE_OPTIONS"


def load_built(start: Start) -> Start:
    """The same start with the built mechanisms; as it was when nothing was built. May be called again."""
    if start.built is None:
        return start
    name = os.path.basename(start.program[0])
    if name == "special":
        return replace(start, program=(start.built.special, *start.program[1:]))
    if name in ("nrniv", "nrngui"):
        return replace(start, program=_with_option(start.program, start.built.library))
    options = start.environment.get(OPTIONS_VARIABLE, "").split()
    return replace(
        start,
        environment={
            **start.environment,
            OPTIONS_VARIABLE: " ".join(_with_option(tuple(options), start.built.library, at=0)),
        },
    )


def _with_option(words: "tuple[str, ...]", library: str, at: int = 1) -> "tuple[str, ...]":
    if "-dll" in words:
        where = words.index("-dll")
        words = (*words[:where], *words[where + 2 :])
    return (*words[:at], "-dll", library, *words[at:])
