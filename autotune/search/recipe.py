"""The published advice as first trials: "Speed up your NEURON code" in the order in which a modeler would follow it.

First the spike exchange (nspike from the histogram, with compressed gids), then, each on top of it, as few exchanges
as the delays allow, the queue modes and the memory layout, then the free cores, the compiler and the engine.
"""

from __future__ import annotations

from typing import Any

from autotune.plan.space import SearchSpace
from autotune.settings import Params

STEPS: tuple[tuple[str, ...], ...] = (
    ("nspike", "gid_compress"),
    ("maxstep",),
    ("bin_queue",),
    ("self_queue",),
    ("cache_efficient",),
    ("threads", "binding"),
    ("mod_flags",),
    ("coreneuron", "cell_permute"),
)
"""The knobs of each piece of advice."""


def recipe(space: SearchSpace) -> list[Params]:
    """The first trials: the baseline, the exchange advice, each further piece of advice beside it."""
    trials = [space.baseline]
    exchange = _advice(space, STEPS[0])
    if exchange:
        trials.append(space.with_values(**exchange))
    for names in STEPS[1:]:
        advice = _advice(space, names)
        if advice:
            trials.append(space.with_values(**exchange, **advice))
    unique: list[Params] = []
    for trial in (space.active(t) for t in trials):
        if trial not in unique:
            unique.append(trial)
    return unique


def _advice(space: SearchSpace, names: tuple[str, ...]) -> dict[str, Any]:
    searched = (name for name in names if name in space.domains and space.domains[name].recommended)
    return {name: space.domains[name].recommended[0] for name in searched}
