"""How a command is started, and what is built for it: what the knobs that are set at launch change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Optional, Tuple


@dataclass(frozen=True)
class BuildWish:
    """What must be built for some settings; BuildWish() where the user's own mechanisms are right."""

    flags: str = ""
    """Of the compiler, beside nrnivmodl's own."""
    home: str = ""
    """The environment whose NEURON they are built for; empty for the user's own."""
    coreneuron: bool = False
    """With a library for CoreNEURON."""


@dataclass(frozen=True)
class Built:
    """Mechanisms that the tuner built in its own cache; paths."""

    library: str
    special: str
    coreneuron: str
    """The library of CoreNEURON; empty when it was not asked for."""


@dataclass(frozen=True)
class Start:
    """How the user's command is about to be started; a launch knob returns it changed."""

    launcher: Tuple[str, ...]
    """The launcher's words with its options; empty when serial."""
    program: Tuple[str, ...]
    """The program's words."""
    environment: Dict[str, str]
    built: Optional[Built] = None
    """Mechanisms built for these settings; None where the user's own are right."""
    binding: Dict[str, Tuple[str, ...]] = field(default_factory=dict)
    """LaunchFacts.binding."""
