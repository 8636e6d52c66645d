"""Values that the user gives in place of a knob's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Tuple

from ..knobs.knob import Domain, Excluded, Knob

if TYPE_CHECKING:
    from .facts import ModelFacts


def with_values(knob: Knob, facts: ModelFacts, values: Tuple[Any, ...]) -> Domain | Excluded:
    """The knob's domain with these values, beside what the model has now; raises ValueError for an impossible one."""
    domain = knob.domain(facts)
    if isinstance(domain, Excluded):
        return domain
    for value in values:
        check(knob, value, domain)
    own = facts.baseline.get(knob.name, domain.values[0])
    every = [own, *(value for value in values if value != own)]
    recommended = tuple(value for value in domain.recommended if value in every)
    return replace(domain, values=tuple(every), recommended=recommended)


def check(knob: Knob, value: Any, domain: Domain) -> None:
    """Raise ValueError for a value that can be none of this knob."""
    kind = knob.given_type
    if kind is None:
        if not any(value == known and type(value) is type(known) for known in domain.values):
            raise ValueError("%r is not one of %s" % (value, ", ".join(map(repr, domain.values))))
        return
    if isinstance(value, bool) or not isinstance(value, (int, kind)):
        raise ValueError("%r is not %s" % (value, "a whole number" if kind is int else "a number"))
    if float(value) < 0.0 or (value == 0 and 0 not in domain.values):
        raise ValueError("%r is not possible" % (value,))
