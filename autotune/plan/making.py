"""Observation → SearchSpace: each knob is asked for its values, and what stands in its way is put into words.

Nothing here knows of Optuna or starts a process.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from autotune.agent.driver.ask import uses_coreneuron
from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import EXACT, KNOBS, Domain, Excluded
from autotune.errors import UsageError
from autotune.observe import Observation
from autotune.plan.space import SearchSpace, Values


@dataclass(frozen=True)
class Wishes:
    """What the user said of the search."""

    only: Collection[str] | None = None
    """Search these knobs only, also such as can hardly pay."""
    exclude: Collection[str] = ()
    values: Mapping[str, Values] = field(default_factory=dict)
    """Values to search instead of the tuner's."""
    smallest_gain: float = 0.0
    """A knob whose largest gain is below this is left out unless it is named in `only`."""


def make_space(
    observation: Observation,
    only: Collection[str] | None = None,
    exclude: Collection[str] = (),
    values: Mapping[str, Values] | None = None,
    smallest_gain: float = 0.0,
) -> SearchSpace:
    """The search space of this model and what the user said of it (see Wishes). Raises UsageError for values that
    cannot be.
    """
    wanted = Wishes(only, exclude, values or {}, smallest_gain)
    domains: dict[str, Domain] = {}
    reasons: dict[str, str] = {}
    for name in KNOBS:
        answer = _domain(name, observation.facts, wanted)
        reason = _reason(name, answer, observation, wanted)
        if reason:
            reasons[name] = reason
        elif isinstance(answer, Domain):
            domains[name] = answer
    return SearchSpace.over(domains, reasons, observation.facts)


def _domain(name: str, facts: ModelFacts, wanted: Wishes) -> Domain | Excluded:
    if name not in wanted.values:
        return KNOBS[name].domain(facts)
    try:
        return KNOBS[name].given(facts, tuple(wanted.values[name]))
    except ValueError as error:
        raise UsageError(
            f"search.values.{name}: {error}", cure="Correct the values in study.toml, or leave them out."
        ) from error


def _no_voltages(facts: ModelFacts) -> str:
    if not facts.has_sections:
        return "the model has neither spikes nor sections"
    lost = " (as after cvode.re_init())" if facts.cvode else ""
    return f"the model makes no spikes, and its voltages could not be sampled{lost}"


def _reason(name: str, answer: Domain | Excluded, observation: Observation, wanted: Wishes) -> str:
    if uses_coreneuron(observation.facts.baseline) and not KNOBS[name].in_coreneuron:
        return "your model runs with CoreNEURON, which does not look at it"
    if isinstance(answer, Excluded):
        return answer.reason
    if name in wanted.exclude or (wanted.only is not None and name not in wanted.only):
        return "left out as you asked"
    if not observation.spikes:
        if answer.safety != EXACT and not observation.traced:
            silent = (
                "the model makes no spikes" if observation.facts.detects_spikes else "NEURON detects no spikes here"
            )
            return f"{silent}: what this changes cannot be verified"
        if not any(observation.voltage_digests) and not observation.facts.recorded:
            return f"{_no_voltages(observation.facts)}: nothing can be verified"
    share = KNOBS[name].share(observation.facts)
    if wanted.only is None and share is not None and share < wanted.smallest_gain / (1.0 + wanted.smallest_gain):
        return f"at most {_percent(share)} of the run is {KNOBS[name].part}: below what this machine can resolve"
    return ""


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")
