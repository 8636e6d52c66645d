"""Are the mechanisms that a search would need really there? They are built before anything is timed.

A value whose build fails is taken out of the search space, with the compiler's last words as the reason.
"""

from __future__ import annotations

from typing import Any

from autotune.agent.knobs import KNOBS
from autotune.launch.build import BuildFailed
from autotune.launch.mechanisms import Builder
from autotune.plan.space import SearchSpace


def build_ahead(space: SearchSpace, builder: Builder) -> SearchSpace:
    """The space without what cannot be built; what can is in the cache afterwards. Combinations of the values are built
    when they are first tried.
    """
    for name in [name for name in space.domains if KNOBS[name].at_launch]:
        if name not in space.domains:  # left out with one before it
            continue
        problems = {value: _problem(builder, name, value, space) for value in space.domains[name].values}
        if any(problems.values()):
            good = tuple(value for value, problem in problems.items() if not problem)
            space = space.only(name, good, next(problem for problem in problems.values() if problem))
    return space


def _problem(builder: Builder, name: str, value: Any, space: SearchSpace) -> str:
    changes = space.changes(space.with_values(**{name: value}))
    if not changes:
        return ""
    try:
        builder.built(changes)
    except BuildFailed as failure:
        last = [line.strip() for line in failure.details.splitlines()[-3:]]
        return " | ".join([failure.message, *last])
    return ""
