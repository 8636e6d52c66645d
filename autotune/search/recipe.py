"""The published advice as first trials: "Speed up your NEURON code" in the order in which a modeler would follow it.

First the spike exchange (nspike from the histogram, with compressed gids), then, each on top of it, as few exchanges
as the delays allow, the queue modes and the memory layout, then the free cores, the compiler and the engine. What no
advice speaks of follows one value at a time, as long as the sampler would draw at random: so the search knows after
few trials whether anything can be gained at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

from autotune.plan.space import SearchSpace
from autotune.search.sampler import N_STARTUP
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
    """The published advice as trials: the baseline, the exchange advice, each further piece of advice beside it."""
    trials = [space.baseline]
    exchange = _advice(space, STEPS[0])
    if exchange:
        trials.append(space.with_values(**exchange))
    for names in STEPS[1:]:
        advice = _advice(space, names)
        if advice:
            trials.append(space.with_values(**exchange, **advice))
    return _unique(map(space.active, trials))


def first_trials(space: SearchSpace) -> list[Params]:
    """The recipe, then the values that are in no trial of it, one of each knob in turn, as long as the sampler would
    draw at random.
    """
    advised = recipe(space)
    singles = (space.active(space.with_values(**{name: value})) for name, value in _unadvised(space, advised))
    return _unique([*advised, *singles])[: max(N_STARTUP, len(advised))]


def _unadvised(space: SearchSpace, trials: Sequence[Params]) -> list[tuple[str, Any]]:
    """The values that no trial holds, with their knobs: of each knob the one that it recommends or else the middle one
    first, then the others of each.
    """
    missing = []
    for name, domain in space.domains.items():
        values = [(name, value) for value in domain.values if all(trial.get(name) != value for trial in trials)]
        first = [each for each in values if each[1] in domain.recommended] or values[len(values) // 2 :]
        missing.append([*first[:1], *(each for each in values if each not in first[:1])])
    return [each for turn in zip_longest(*missing) for each in turn if each is not None]


def _unique(trials: Iterable[Params]) -> list[Params]:
    found: list[Params] = []
    for trial in trials:
        if trial not in found:
            found.append(trial)
    return found


def _advice(space: SearchSpace, names: tuple[str, ...]) -> dict[str, Any]:
    searched = (name for name in names if name in space.domains and space.domains[name].recommended)
    return {name: space.domains[name].recommended[0] for name in searched}
