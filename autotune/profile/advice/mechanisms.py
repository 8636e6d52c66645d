"""Mechanisms that shut threads out for want of a word."""

from __future__ import annotations

from collections.abc import Iterator

from autotune.profile.advice.kind import Advice, Known
from autotune.profile.profile import RUN


def advice(known: Known) -> Iterator[Advice]:
    """Say THREADSAFE where it is true."""
    profile, facts = known.profile, known.observation.facts
    names = facts.lacking_threadsafe
    cores = facts.cores // max(1, facts.ranks)
    trees = facts.trees or 0
    if not names or cores < 2 or trees < 2 or set(facts.thread_unsafe) - set(names):
        return
    used = min(cores, trees)
    yield Advice(
        "THREADSAFE",
        f"Write THREADSAFE into the NEURON block of {', '.join(names)}.mod and compile again (or run mkthreadsafe).",
        f"NEURON runs {', '.join(names)} on one thread only for want of that word; {cores} cores a rank",
        "NEURON {\n    THREADSAFE\n    ...",
        profile.bound(profile.sections[RUN] * (1 - 1 / used)),
    )
