"""Settings of knobs, by name: what was asked for, what must be changed for it, and what took effect.

These are three things: `nspike = 8` may be asked for and need no change, because the user has it so; it may be changed
and refused. So they are three types, and `plan.space.SearchSpace` alone turns one into another. What ranks read back
(`launch.run`) is Effective from the start. A test finds every other place that makes one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NewType

Params = NewType("Params", dict[str, Any])
"""What a trial asks for: a value for every searched knob that can act."""
Changes = NewType("Changes", dict[str, Any])
"""What must be set, because the user's own run has it otherwise."""
Effective = NewType("Effective", dict[str, Any])
"""What every rank read back at the end of a run."""


def changing(name: str, value: Any) -> Changes:
    """One knob set, whatever the user has."""
    return Changes({name: value})


def changes_of(settings: Mapping[str, Any]) -> Changes:
    """What an answer says must be set."""
    return Changes(dict(settings))


UNCHANGED = Changes({})
"""The user's own settings."""
NOT_READ = Effective({})
"""No rank came to read anything back."""
