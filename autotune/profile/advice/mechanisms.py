"""Mechanisms that shut threads out for want of a word, or that were compiled for any processor."""

from __future__ import annotations

from collections.abc import Iterator
from os.path import commonpath, dirname
from shlex import quote

from autotune.profile.advice.kind import Advice, Known
from autotune.profile.profile import RUN

DOUBLES = 4
"""In a register of AVX2: no instruction works on more of them at a time."""
FLAGS = "-O3 -march=native -ffp-contract=off"
"""Without fused multiply-adds, which would change the last bit."""


def advice(known: Known) -> Iterator[Advice]:
    """Say THREADSAFE where it is true; compile for this processor."""
    yield from _threadsafe(known)
    yield from _compiled(known)


def _compiled(known: Known) -> Iterator[Advice]:
    """Where the mechanisms were timed, so that it is known what is at stake."""
    profile, launch = known.profile, known.observation.facts.launch
    compiled_s = sum(seconds for name, seconds in profile.mechanisms.items() if name in launch.plain)
    if not compiled_s or not profile.mechanisms_run_s:
        return
    share = min(1.0, compiled_s / profile.mechanisms_run_s)
    where = commonpath([dirname(file) for file in launch.mod_files])
    yield Advice(
        "compiled at -O2",
        "Compile the mechanisms for this processor; by itself nrnivmodl does so at -O2, for any one.",
        f"{share:.0%} of the run section is spent in {', '.join(launch.plain)}, whose code has no AVX instruction",
        f'nrnivmodl -incflags "{FLAGS}" {quote(where)}\n'
        "# the last bit of a result may change: python -m autotune run --knobs mod_flags proves what it brings",
        profile.bound(profile.sections[RUN] * share * (1 - 1 / DOUBLES)),
    )


def _threadsafe(known: Known) -> Iterator[Advice]:
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
