"""Are the mechanisms that a search would need really there? They are built before anything is timed.

A value whose build fails is taken out of the search space, with the compiler's last words as the reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autotune.agent.knobs import KNOBS
from autotune.launch.build import BuildFailed
from autotune.launch.run import FreshRunner
from autotune.plan.space import LeftOut, SearchSpace


def build_ahead(space: SearchSpace, runner: FreshRunner) -> SearchSpace:
    """The space without what cannot be built; what can is in the cache afterwards. Combinations of the values are built
    when they are first tried.
    """
    for name in [name for name in space.domains if KNOBS[name].at_launch]:
        domain = space.domains[name]
        problems = {value: _problem(runner, name, value, space) for value in domain.values}
        values = tuple(value for value in domain.values if not problems[value])
        if len(values) == len(domain.values):
            continue
        reason = next(problem for problem in problems.values() if problem)
        if len(values) > 1:
            kept = replace(domain, values=values, recommended=tuple(v for v in domain.recommended if v in values))
            space = replace(space, domains={**space.domains, name: kept})
        else:
            space = _without(space, name, reason)
    return space


def _problem(runner: FreshRunner, name: str, value: Any, space: SearchSpace) -> str:
    if value == space.baseline[name]:
        return ""
    try:
        runner.prepare({name: value})
    except BuildFailed as failure:
        last = [line.strip() for line in failure.details.splitlines()[-3:]]
        return " | ".join([failure.message, *last])
    return ""


def _without(space: SearchSpace, name: str, reason: str) -> SearchSpace:
    """The space without a knob, and without those that act only beside it."""
    domains = {other: domain for other, domain in space.domains.items() if other != name}
    idle = [other for other in domains if not _can_act(other, domains, space)]
    out = [LeftOut(name, reason), *(LeftOut(other, f"it acts only with {KNOBS[other].needs}") for other in idle)]
    return replace(
        space,
        domains={other: domain for other, domain in domains.items() if other not in idle},
        out=(*space.out, *out),
        baseline={other: value for other, value in space.baseline.items() if other != name and other not in idle},
    )


def _can_act(name: str, domains: dict[str, Any], space: SearchSpace) -> bool:
    beside = [{}, *({other: value} for other, domain in domains.items() for value in domain.values)]
    return any(KNOBS[name].active({**space.facts.baseline, **settings}) for settings in beside)
