"""Advice about the user's script: what no setting can do. One file here holds the advice on one subject; what is in
this folder is found, and listed nowhere.

Each piece names the number that caused it and, where that can be told, a bound of what it can bring (Amdahl's law).
Advice that does not apply is not given.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from autotune.profile.advice.kind import Advice, Known, known_of

__all__ = ["Advice", "Known", "advise", "known_of"]

WORTH = 1.05
"""Advice that cannot bring more is not given."""


def advise(known: Known) -> list[Advice]:
    """What to do, what brings most first; advice whose bound is not known comes last."""
    found = []
    for module in sorted(entry.name for entry in iter_modules(__path__) if entry.name != "kind"):
        found += import_module(f"{__name__}.{module}").advice(known)
    worth = [advice for advice in found if advice.bound is None or advice.bound >= WORTH]
    return sorted(worth, key=lambda advice: -(advice.bound or 0.0))
