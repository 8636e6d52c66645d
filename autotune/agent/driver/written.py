"""How settings are written by hand: statements of Python and of hoc that stand in a finitialize handler, and words for
what no statement in the model can do.

Each knob answers for itself (`Knob.written`). Statements may use {pc} and {cvode}, a ParallelContext and a CVode, and
are put in the order in which NEURON wants them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, Tuple

if TYPE_CHECKING:
    from .facts import ModelFacts


@dataclass(frozen=True)
class Written:
    """One setting, written by hand."""

    python: Tuple[str, ...] = ()
    hoc: Tuple[str, ...] = ()
    outside: str = ""
    """What to do when the command is started, or before, in words."""


NOTHING = Written()
"""Another setting's statements say it already."""


@dataclass(frozen=True)
class Tuned:
    """Beside what a setting is written."""

    facts: ModelFacts
    changes: Dict[str, Any] = field(default_factory=dict)
    """What is set because the user has it otherwise; only these are written."""
    effective: Dict[str, Any] = field(default_factory=dict)
    """What was in effect, of all knobs that are known."""

    def get(self, name: str) -> Any:
        """The value of a knob: as it is changed, as it was in effect, or as the user has it."""
        for known in (self.changes, self.effective, self.facts.baseline):
            if name in known:
                return known[name]
        return None


def alike(*statements: str) -> Written:
    """Statements that read alike in both languages."""
    return Written(statements, statements)


def assigned(name: str, value: Any) -> Written:
    """One of NEURON's own variables."""
    return Written(("h.%s = %r" % (name, value),), ("%s = %r" % (name, value),))


def in_hoc(statements: Tuple[str, ...]) -> Tuple[str, ...]:
    """Statements of Python as hoc has them executed."""
    return tuple('nrnpython("%s")' % statement for statement in statements)
