"""Observation → SearchSpace: which knobs are searched over which values, and why the others are not.

Nothing here knows of Optuna or starts a process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from autotune.agent.driver.ask import refining
from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import EXACT, KNOBS, SAFETY_CLASSES, Domain
from autotune.plan.acting import idle, works
from autotune.settings import Changes, Effective, Params

Values = tuple[bool | int | float | str, ...]


@dataclass(frozen=True)
class LeftOut:
    """A knob that is not searched, or not over all of its values, with the reason that the user reads."""

    knob: str
    reason: str
    values: Values = ()
    """These values alone are out; the knob is searched over others."""


@dataclass(frozen=True)
class Plan:
    """What is written down of a search space: plan.json."""

    RECORD: ClassVar[str] = "plan"

    domains: dict[str, Domain]
    out: tuple[LeftOut, ...]
    baseline: Params


@dataclass(frozen=True)
class Group:
    """Launch settings: what needs a process start of its own. The empty group is the user's own start."""

    items: tuple[tuple[str, Any], ...] = ()

    @property
    def changes(self) -> Changes:
        return Changes(dict(self.items))


@dataclass(frozen=True)
class SearchSpace:
    """What may be tried. `baseline` holds the user's own value of every knob that is searched."""

    domains: dict[str, Domain]
    out: tuple[LeftOut, ...]
    baseline: Params
    facts: ModelFacts

    @classmethod
    def of(cls, plan: Plan, facts: ModelFacts) -> SearchSpace:
        """The space that a plan describes."""
        return cls(plan.domains, plan.out, plan.baseline, facts)

    @classmethod
    def over(cls, domains: Mapping[str, Domain], reasons: Mapping[str, str], facts: ModelFacts) -> SearchSpace:
        """The space of those of these domains that can act; `reasons` says why other knobs are out."""
        out = {**reasons, **idle(domains, facts)}
        searched = {name: domain for name, domain in domains.items() if name not in out}
        baseline = Params({name: facts.baseline[name] for name in searched})
        return cls(searched, tuple(LeftOut(name, out[name]) for name in KNOBS if name in out), baseline, facts)

    @property
    def plan(self) -> Plan:
        """What is written down of it."""
        return Plan(self.domains, self.out, self.baseline)

    def without(self, knob: str, reason: str) -> SearchSpace:
        """The same space with one knob left out, and with it those that act only beside it."""
        if knob not in self.domains:
            return self
        left = {name: domain for name, domain in self.domains.items() if name != knob}
        return self._searching(left, {knob: reason})

    def only(self, knob: str, values: tuple[Any, ...], reason: str) -> SearchSpace:
        """The same space with these values of one knob; without the knob where they leave nothing to choose."""
        if len(values) < 2:
            return self.without(knob, reason)
        domain = self.domains[knob]
        kept = replace(domain, values=values, recommended=tuple(v for v in domain.recommended if v in values))
        gone = tuple(value for value in domain.values if value not in values)
        space = replace(self, out=(*self.out, LeftOut(knob, reason, gone))) if gone else self
        return space._searching({**self.domains, knob: kept}, {})

    def without_class(self, safety: str, reason: str) -> SearchSpace:
        """The same space without the values of this class."""
        space = self
        for name in self.of_class(safety):
            if name in space.domains:  # else it went with one before it
                domain = space.domains[name]
                kept = tuple(value for value in domain.values if domain.safety_of(value) != safety)
                space = space.only(name, kept, reason)
        return space

    def active(self, params: Params) -> Params:
        """The part of `params` that can act: gid compression without spike compression is no setting at all."""
        return Params(self._acting(params))

    def acts(self, name: str, beside: Mapping[str, Any]) -> bool:
        """Whether a knob can act beside these settings; what they do not say is as the user has it."""
        return works(name, beside, self.facts)

    def launch_group(self, changes: Changes) -> Group:
        """The part of `changes` that needs a process start of its own: two of the same group can share one process."""
        acting = self._acting(changes)
        own = {name for name in acting if _own_start(name)}
        beside = {other for name in own for other in KNOBS[name].launch_depends_on(acting[name])}
        return Group(tuple((name, value) for name, value in acting.items() if name in own | beside))

    def started_with(self, group: Group) -> Params:
        """The settings of this group, and the user's own of every other knob that needs a start of its own."""
        named = {name for name, _ in group.items}
        settings = self.with_values(**group.changes)
        return Params({name: value for name, value in settings.items() if name in named or _own_start(name)})

    def bound(self, name: str) -> float | None:
        """The largest speed-up that this knob can bring by Amdahl's law; None when unknown."""
        share = KNOBS[name].share(self.facts)
        return None if share is None or share >= 1.0 else 1.0 / (1.0 - share)

    def bound_together(self) -> float | None:
        """The largest speed-up that all knobs together can bring; None as long as one of them has no bound."""
        shares = [KNOBS[name].share(self.facts) for name in self.domains]
        known = [share for share in shares if share is not None]
        if len(known) < len(shares):
            return None
        return 1.0 / max(1.0 - sum(known), 1e-9)

    def changes(self, params: Params) -> Changes:
        """What must be set to get `params`, because the user's own run has it otherwise."""
        return Changes(
            {
                name: value
                for name, value in self.active(params).items()
                if value != self.baseline.get(name) or not KNOBS[name].works_in(self.facts.neuron)
            }
        )

    def without_change(self, changes: Changes, knob: str) -> Changes:
        """These changes with one knob as the user has it, and without those that act only beside it."""
        rest = {name: value for name, value in changes.items() if name != knob}
        return self.changes(self.with_values(**rest))

    def canonical(self, effective: Effective) -> Effective:
        """The searched knobs as they took effect, without those that cannot act beside the others."""
        searched = {name: effective[name] for name in self.domains if name in effective}
        return Effective(self._acting(searched))

    def as_changed(self, changes: Changes, own: Effective | None = None) -> Effective:
        """What takes effect if everything in `changes` does, where `own` (default: the user's own settings) is in
        effect without: canonical.
        """
        return self.canonical(Effective({**(self.facts.baseline if own is None else own), **changes}))

    @property
    def step_knobs(self) -> tuple[str, ...]:
        """The searched knobs that make the numbers finer or coarser."""
        return tuple(name for name in self.domains if name == refining().name)

    def finer(self, divisor: int) -> Changes:
        """The user's own settings with finer numbers: at a part of the step."""
        knob = refining()
        return Changes({knob.name: knob.finer(self.facts.dt_ms, divisor)})

    def is_finer(self, effective: Effective, divisor: int) -> bool:
        """Whether that took effect."""
        knob = refining()
        return knob.took(knob.finer(self.facts.dt_ms, divisor), effective[knob.name])

    def coarser(self, *, multiple: bool = False) -> Changes | None:
        """The user's own settings with the least coarser numbers that are searched: a longer step, or the least that
        is a whole `multiple` of the user's own; None without any.
        """
        knob = refining()
        longer = [value for value in self._steps if value > self.facts.dt_ms and (not multiple or self._fits(value))]
        return Changes({knob.name: min(longer)}) if longer else None

    def multiples(self) -> dict[str, tuple[Any, ...]]:
        """The steps that are searched and go into, or are made of, the user's own without a rest, by their knob."""
        return {refining().name: tuple(value for value in self._steps if self._fits(value))}

    @property
    def _steps(self) -> tuple[Any, ...]:
        knob = refining()
        return self.domains[knob.name].values if knob.name in self.domains else ()

    def _fits(self, step_ms: float) -> bool:
        ratio = max(step_ms, self.facts.dt_ms) / min(step_ms, self.facts.dt_ms)
        return abs(ratio - round(ratio)) < 1e-9 * ratio

    def step_ms(self, changes: Changes) -> float:
        """The step that these changes ask for, or the user's own."""
        return float(changes.get(refining().name, self.facts.dt_ms))

    def refused(self, changes: Changes, effective: Effective) -> dict[str, tuple[Any, Any]]:
        """The knobs of which something else took effect than was asked for: name to both."""
        return {
            name: (value, effective.get(name))
            for name, value in changes.items()
            if not same_value(effective.get(name), value)
        }

    def safety(self, changes: Changes) -> str:
        """The weakest promise among the changes."""
        classes = [SAFETY_CLASSES.index(self.domains[name].safety_of(value)) for name, value in changes.items()]
        return SAFETY_CLASSES[max(classes, default=0)]

    def not_exact(self, changes: Changes) -> Changes:
        """Those changes that are not promised to leave the numbers as they are."""
        kept = {name: value for name, value in changes.items() if self.domains[name].safety_of(value) != EXACT}
        return Changes(kept)

    @property
    def classes(self) -> frozenset[str]:
        """The classes of all values that are searched."""
        return frozenset(safety for domain in self.domains.values() for safety in domain.every_class)

    def of_class(self, *classes: str) -> tuple[str, ...]:
        """The searched knobs that have a value of one of these classes."""
        return tuple(name for name, domain in self.domains.items() if set(classes) & set(domain.every_class))

    def refusal(self, params: Params) -> str:
        """Why these settings must not be tried together, or an empty string."""
        params = self.active(params)
        reasons = (KNOBS[name].refusal(params, self.facts) for name in params)
        return next((reason for reason in reasons if reason), "")

    def with_values(self, **values: Any) -> Params:
        """The user's own settings with these values instead, as far as their knobs are searched."""
        return Params({**self.baseline, **{name: value for name, value in values.items() if name in self.domains}})

    def chosen(self, choose: Callable[[str, Domain], Any]) -> Params:
        """What `choose` says of each knob, in order, that can act beside the ones before it."""
        params: dict[str, Any] = {}
        for name, domain in self.domains.items():
            if self.acts(name, params):
                params[name] = choose(name, domain)
        return Params(params)

    def together(self, beside: Changes, names: Collection[str], fits: Callable[[Changes, Changes], bool]) -> Changes:
        """The changes `beside`, and with them another value of each of these knobs, as long as all act and it `fits`
        beside them.
        """
        chosen = beside
        for name in names:
            domain = self.domains[name]
            for value in (*domain.recommended, *domain.values):
                params = self.with_values(**{**chosen, name: value})
                wider = self.changes(params)
                if wider.keys() > chosen.keys() and not self.refusal(params) and fits(wider, beside):
                    chosen = wider
                    break
        return chosen

    def _searching(self, domains: dict[str, Domain], out: dict[str, str]) -> SearchSpace:
        """The same space with these domains instead, and the reasons of what is out by that; what can no longer act is
        out, too.
        """
        out = {**out, **idle(domains, self.facts)}
        return replace(
            self,
            domains={name: domain for name, domain in domains.items() if name not in out},
            out=(*self.out, *(LeftOut(name, why) for name, why in out.items())),
            baseline=Params({name: value for name, value in self.baseline.items() if name not in out}),
        )

    def _acting(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in settings.items() if self.acts(name, settings)}


def _own_start(name: str) -> bool:
    return KNOBS[name].at_launch or KNOBS[name].sticky


def same_value(a: Any, b: Any) -> bool:
    """Equality of two settings; floats within the rounding of decimal fractions."""
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9)
    return bool(a == b)
