"""Which knobs do anything beside which settings: some act only with another (CoreNEURON's, another NEURON's)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

from autotune.agent.driver.ask import acts
from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import KNOBS, Domain, Excluded


def works(name: str, beside: Mapping[str, Any], facts: ModelFacts) -> bool:
    """Whether this knob does anything beside these settings, in the NEURON that they ask for."""
    settings = dict(beside)
    return KNOBS[name].works_in(facts.neuron_for(settings)) and acts(name, {**facts.baseline, **settings})


def idle(domains: Mapping[str, Domain], facts: ModelFacts) -> dict[str, str]:
    """Searched knobs that act beside no value of the others, nor any two: those that would make them act are not
    searched. With the reasons.
    """
    values = [{name: value} for name, domain in domains.items() for value in domain.values]
    beside: list[dict[str, Any]] = [{}, *values, *({**one, **other} for one, other in combinations(values, 2))]
    versions = {facts.neuron_for(settings) for settings in ({}, *values)}
    return {
        name: _why_idle(name, versions, facts)
        for name in domains
        if not any(works(name, settings, facts) for settings in beside)
    }


def _why_idle(name: str, versions: Collection[tuple[int, ...]], facts: ModelFacts) -> str:
    if not any(map(KNOBS[name].works_in, versions)):
        here = KNOBS[name].domain(replace(facts, launch=replace(facts.launch, environments=())))
        if isinstance(here, Excluded):
            return here.reason
    return f"it acts only with {KNOBS[name].needs}"
