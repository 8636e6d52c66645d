"""Observation → SearchSpace: which knobs are searched over which values, and why the others are not.

Nothing here knows of Optuna or starts a process.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import EXACT, KNOBS, SAFETY_CLASSES, Domain, Excluded
from autotune.errors import UsageError
from autotune.observe import Observation
from autotune.store.records import Settings

Values = tuple[bool | int | float | str, ...]


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

    def without(self, knob: str, reason: str) -> SearchSpace:
        """The same space with one knob left out."""
        domains = {name: domain for name, domain in self.domains.items() if name != knob}
        out = self.out if domains.keys() == self.domains.keys() else (*self.out, LeftOut(knob, reason))
        baseline = {name: value for name, value in self.baseline.items() if name != knob}
        return replace(self, domains=domains, out=out, baseline=baseline)

    def active(self, params: Settings) -> Settings:
        """The part of `params` that can act: gid compression without spike compression is no setting at all."""
        return {name: value for name, value in params.items() if self.acts(name, params)}

    def acts(self, name: str, params: Settings) -> bool:
        """Whether a knob can act beside `params`; what they do not say is as the user has it."""
        return KNOBS[name].works_in(self.facts.neuron_for(params)) and _active(name, {**self.facts.baseline, **params})

    def launch_group(self, params: Settings) -> tuple[tuple[str, Any], ...]:
        """The part of `params` that needs a process start of its own: two of the same group can share one process."""
        acting = self.active(params)
        own = {name for name in acting if KNOBS[name].at_launch or KNOBS[name].sticky}
        beside = {other for name in own for other in KNOBS[name].launch_depends_on(acting[name])}
        return tuple((name, value) for name, value in acting.items() if name in own | beside)

    def bound(self, name: str) -> float | None:
        """The largest speed-up that this knob can bring by Amdahl's law; None when unknown."""
        share = KNOBS[name].share(self.facts)
        return None if share is None or share >= 1.0 else 1.0 / (1.0 - share)

    def changes(self, params: Settings) -> Settings:
        """What must be set to get `params`, because the user's own run has it otherwise."""
        return {
            name: value
            for name, value in self.active(params).items()
            if value != self.baseline.get(name) or not KNOBS[name].works_in(self.facts.neuron)
        }

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
    for name in _idle(domains, observation.facts):
        reasons[name] = f"it acts only with {KNOBS[name].needs}"
        del domains[name]
    out = tuple(LeftOut(name, reasons[name]) for name in KNOBS if name in reasons)
    baseline = {name: observation.facts.baseline[name] for name in domains}
    return SearchSpace(domains, out, baseline, observation.facts)


def _domain(name: str, facts: ModelFacts, wanted: Wishes) -> Domain | Excluded:
    if name not in wanted.values:
        return KNOBS[name].domain(facts)
    try:
        return KNOBS[name].given(facts, tuple(wanted.values[name]))
    except ValueError as error:
        raise UsageError(
            f"search.values.{name}: {error}", cure="Correct the values in study.toml, or leave them out."
        ) from error


def _reason(name: str, answer: Domain | Excluded, observation: Observation, wanted: Wishes) -> str:
    if observation.facts.baseline.get("coreneuron") and not KNOBS[name].in_coreneuron:
        return "your model runs with CoreNEURON, which does not look at it"
    if isinstance(answer, Excluded):
        return answer.reason
    if name in wanted.exclude or (wanted.only is not None and name not in wanted.only):
        return "left out as you asked"
    if not observation.spikes:
        if answer.safety != EXACT:
            return "the model makes no spikes: what this changes cannot be verified"
        if not any(observation.voltage_digests):
            return "the model has neither spikes nor segments: nothing can be verified"
    share = KNOBS[name].share(observation.facts)
    if wanted.only is None and share is not None and share < wanted.smallest_gain / (1.0 + wanted.smallest_gain):
        return f"at most {_percent(share)} of the run is {KNOBS[name].part}: below what this machine can resolve"
    return ""


def _idle(domains: Mapping[str, Domain], facts: ModelFacts) -> list[str]:
    """Searched knobs that act beside no value of the others: those that would make them act are not searched."""
    beside = [{}, *({name: value} for name, domain in domains.items() for value in domain.values)]
    return [name for name in domains if not any(_active(name, {**facts.baseline, **settings}) for settings in beside)]


def _active(name: str, settings: Settings) -> bool:
    """Whether a knob can act beside these settings, in the engine that they choose."""
    if settings.get("coreneuron") and not KNOBS[name].in_coreneuron:
        return False
    return KNOBS[name].active(settings)


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")
