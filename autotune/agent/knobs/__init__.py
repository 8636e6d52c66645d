"""The list of knobs. A new knob is a new file here and one name in this list."""

from __future__ import annotations

from typing import Dict, Tuple

from .bin_queue import BinQueue
from .cache_efficient import CacheEfficient
from .dt import Dt
from .gid_compress import GidCompress
from .knob import EXACT, NUMERICAL, ROUND_OFF, SAFETY_CLASSES, Domain, Excluded, Knob, Start
from .nspike import NSpike
from .ranks import Ranks
from .self_queue import SelfQueue

KNOBS: Dict[str, Knob] = {
    knob.name: knob for knob in (Ranks(), Dt(), NSpike(), GidCompress(), BinQueue(), SelfQueue(), CacheEfficient())
}


def in_order_of_application() -> Tuple[Knob, ...]:
    """The knobs in the order in which NEURON wants them set inside finitialize."""
    return tuple(sorted(KNOBS.values(), key=lambda knob: knob.order))


__all__ = [
    "EXACT",
    "KNOBS",
    "NUMERICAL",
    "ROUND_OFF",
    "SAFETY_CLASSES",
    "Domain",
    "Excluded",
    "Knob",
    "Start",
    "in_order_of_application",
]
