"""What settings as a whole ask for, so that nobody else needs the name of a knob."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Collection, Dict, Mapping, Optional

from ..knobs import KNOBS, Excluded, InSession, Knob
from .start import BuildWish

if TYPE_CHECKING:
    from .facts import ModelFacts


def ranks_of(settings: Mapping[str, Any]) -> Optional[int]:
    """The number of ranks to start; None where the command's own is right."""
    asked = (KNOBS[name].ranks(value) for name, value in settings.items())
    return next((ranks for ranks in asked if ranks is not None), None)


def build_wish(settings: Mapping[str, Any]) -> BuildWish:
    """What must be built; BuildWish() where the user's own mechanisms are right."""
    wish = BuildWish()
    for name, value in settings.items():
        wish = KNOBS[name].build(wish, value)
    return wish


def home_of(settings: Mapping[str, Any]) -> str:
    """The environment whose NEURON and interpreter run; empty for the user's own."""
    return build_wish(settings).home


def uses_coreneuron(settings: Mapping[str, Any]) -> bool:
    """Whether CoreNEURON is to integrate."""
    return build_wish(settings).coreneuron


def why_no_coreneuron(facts: ModelFacts) -> str:
    """What keeps CoreNEURON from running this model, in words; nothing where it can be tried, or runs already."""
    knob = next(knob for knob in KNOBS.values() if knob.build(BuildWish(), True).coreneuron)
    answer = knob.domain(facts)
    return answer.reason if isinstance(answer, Excluded) and not uses_coreneuron(facts.baseline) else ""


def acts(name: str, settings: Dict[str, Any]) -> bool:
    """Whether a knob can act beside these settings, in the engine that they choose."""
    return KNOBS[name].active(settings) and (KNOBS[name].in_coreneuron or not uses_coreneuron(settings))


def keep_timers(names: Collection[str]) -> bool:
    """Whether NEURON's own timers go on beside all of these knobs; else the whole of each run must be timed."""
    return all(KNOBS[name].keeps_timers for name in names)


def to_be_checked(names: Collection[str]) -> bool:
    """Whether the model's own settings must be replayed right after a run with these knobs."""
    return any(KNOBS[name].in_session is InSession.CHECKED for name in names)


def not_put_back(facts: ModelFacts, searched: Collection[str]) -> str:
    """Why a session over these knobs could not put back what the model itself has set, or an empty string."""
    reasons = (knob.not_put_back(facts, searched) for knob in KNOBS.values())
    return next((reason for reason in reasons if reason), "")


def refining() -> Knob:
    """The knob whose values can be made finer, to see how far the numbers still move."""
    return next(knob for knob in KNOBS.values() if knob.finer(1.0, 2) is not None)
