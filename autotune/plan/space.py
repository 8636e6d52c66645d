"""Observation → SearchSpace: which knobs are searched over which values, and why the others are not.

Nothing here knows of Optuna or starts a process.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from autotune.agent.facts import ModelFacts
from autotune.agent.knobs import EXACT, KNOBS, SAFETY_CLASSES, Domain, Excluded
from autotune.observe import Observation
from autotune.store.records import Settings


@dataclass(frozen=True)
class LeftOut:
    """A knob that is not searched, with the reason that the user reads."""

    knob: str
    reason: str


@dataclass(frozen=True)
class SearchSpace:
    """What may be tried. `baseline` holds the user's own value of every knob that is searched."""

    domains: dict[str, Domain]
    out: tuple[LeftOut, ...]
    baseline: Settings
    facts: ModelFacts

    def active(self, params: Settings) -> Settings:
        """The part of `params` that can act: gid compression without spike compression is no setting at all."""
        return {name: value for name, value in params.items() if KNOBS[name].active(params)}

    def changes(self, params: Settings) -> Settings:
        """What must be set to get `params`, because the user's own run has it otherwise."""
        return {name: value for name, value in self.active(params).items() if value != self.baseline.get(name)}

    def canonical(self, effective: Settings) -> Settings:
        """The searched knobs as they took effect, without those that cannot act beside the others."""
        searched = {name: effective[name] for name in self.domains if name in effective}
        return self.active(searched)

    def safety(self, changes: Settings) -> str:
        """The weakest promise among the knobs that are changed."""
        classes = [SAFETY_CLASSES.index(self.domains[name].safety) for name in changes]
        return SAFETY_CLASSES[max(classes, default=0)]

    def refusal(self, params: Settings) -> str:
        """Why these settings must not be tried together, or an empty string."""
        params = self.active(params)
        reasons = (KNOBS[name].refusal(params, self.facts) for name in params)
        return next((reason for reason in reasons if reason), "")

    def with_values(self, **values: Any) -> Settings:
        """The user's own settings with these values instead, as far as their knobs are searched."""
        return {**self.baseline, **{name: value for name, value in values.items() if name in self.domains}}


def make_space(
    observation: Observation, only: Collection[str] | None = None, exclude: Collection[str] = ()
) -> SearchSpace:
    """The search space of this model; `only` and `exclude` are the user's wishes."""
    domains: dict[str, Domain] = {}
    out: list[LeftOut] = []
    for name, knob in KNOBS.items():
        answer = knob.domain(observation.facts)
        reason = _reason(name, answer, observation, only, exclude)
        if reason:
            out.append(LeftOut(name, reason))
        elif isinstance(answer, Domain):
            domains[name] = answer
    baseline = {name: observation.facts.baseline[name] for name in domains}
    return SearchSpace(domains, tuple(out), baseline, observation.facts)


def _reason(
    name: str,
    answer: Domain | Excluded,
    observation: Observation,
    only: Collection[str] | None,
    exclude: Collection[str],
) -> str:
    if isinstance(answer, Excluded):
        return answer.reason
    if name in exclude or (only is not None and name not in only):
        return "left out as you asked"
    if not observation.spikes:
        if answer.safety != EXACT:
            return "the model makes no spikes: what this changes cannot be verified"
        if not all(observation.voltage_digests):
            return "the model has neither spikes nor segments: nothing can be verified"
    return ""
