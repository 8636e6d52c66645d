"""The settings of a study as its user would write them: a handler for finitialize, in the language of the model.

Inside a handler of type 3 they win over what the script, or stdrun's run(), has set before, and dt stays set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autotune.agent.driver.written import Written
from autotune.agent.knobs import KNOBS, in_order_of_application
from autotune.handover.answer import Answer
from autotune.handover.told import told
from autotune.report.format import format_value

PLACE = (
    "Paste it where the network is built, before finitialize (stdinit, init, run); it acts in every finitialize after."
)


@dataclass(frozen=True)
class Language:
    """How a language writes it."""

    name: Literal["python", "hoc"]
    comment: str
    begin: tuple[str, ...]
    end: tuple[str, ...]
    objects: dict[str, str]
    """What {pc} and {cvode} are called in its statements,"""
    made: dict[str, str]
    """and the statements that make them."""

    def comments(self, *lines: str) -> list[str]:
        """Lines that only people read."""
        return [f"{self.comment} {line}".rstrip() for line in lines]


def write_by_hand(answer: Answer, language: Language) -> str:
    """A file, or something to paste: comments that tell what was measured, and the handler; the comments alone where
    nothing is to be set inside NEURON.
    """
    written = _written(answer)
    raw = "\n".join(line for each in written.values() for line in getattr(each, language.name))
    made = [statement for name, statement in language.made.items() if f"{{{name}}}" in raw]
    body = made + [line for name, each in written.items() for line in _statements(name, each, answer, language)]
    outside = [f"  * {each.outside}  ({name})" for name, each in written.items() if each.outside]
    lines = language.comments(*told(answer))
    if outside:
        lines += language.comments("", "What no statement in the model can set:", *outside)
    if body:
        lines += [*language.comments("", PLACE), *language.begin]
        lines += [*(f"    {line}" for line in body), *language.end]
    return "\n".join(lines) + "\n"


def _written(answer: Answer) -> dict[str, Written]:
    """Every change as its knob writes it, in the order in which NEURON wants them."""
    tuned = answer.tuned
    inside = [knob.name for knob in in_order_of_application()]
    names = sorted(tuned.changes, key=lambda name: inside.index(name) if name in inside else -1)
    return {name: KNOBS[name].written(tuned.changes[name], tuned) for name in names}


def _statements(name: str, written: Written, answer: Answer, language: Language) -> list[str]:
    statements = [line.format(**language.objects) for line in getattr(written, language.name)]
    own = answer.tuned.facts.baseline.get(name)
    value = answer.tuned.changes[name]
    said = f"{name}: {format_value(value)}; yours is {format_value(own)}"
    if not statements and written.outside:
        return []
    return [*language.comments(said), *statements]
