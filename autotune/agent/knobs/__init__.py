"""The list of knobs. A new knob is a new file here and one name in this list."""

from __future__ import annotations

from typing import Dict, Tuple

from .bin_queue import BinQueue
from .binding import Binding
from .busywait import Busywait
from .cache_efficient import CacheEfficient
from .cell_permute import CellPermute
from .coreneuron import CoreNeuron
from .dt import Dt
from .gid_compress import GidCompress
from .knob import (
    EXACT,
    NUMERICAL,
    ROUND_OFF,
    SAFETY_CLASSES,
    Domain,
    Excluded,
    InSession,
    Knob,
    Lifetime,
    ToldBy,
)
from .maxstep import MaxStep
from .mod_flags import ModFlags
from .multisend import Multisend
from .multisend_subintervals import MultisendSubintervals
from .multisend_two_phase import MultisendTwoPhase
from .neuron import Neuron
from .node_order import NodeOrder
from .nspike import NSpike
from .ranks import Ranks
from .secondorder import SecondOrder
from .self_queue import SelfQueue
from .step_wait import StepWait
from .threads import Threads

# A knob that acts only beside others stands below them: values are proposed in this order.
_ALL: Tuple[Knob, ...] = (
    Neuron(),
    Ranks(),
    Binding(),
    ModFlags(),
    CoreNeuron(),
    CellPermute(),
    Dt(),
    SecondOrder(),
    Threads(),
    Busywait(),
    Multisend(),
    MultisendSubintervals(),
    MultisendTwoPhase(),
    NSpike(),
    GidCompress(),
    BinQueue(),
    SelfQueue(),
    MaxStep(),
    StepWait(),
    CacheEfficient(),
    NodeOrder(),
)

RANKS, THREADS = Ranks.name, Threads.name
"""The two along which a model is scaled."""
KNOBS: Dict[str, Knob] = {knob.name: knob for knob in _ALL}


def in_order_of_application() -> Tuple[Knob, ...]:
    """The knobs in the order in which NEURON wants them set inside finitialize."""
    inside = (knob for knob in KNOBS.values() if hasattr(knob, "order"))
    return tuple(sorted(inside, key=lambda knob: knob.order))


__all__ = [
    "EXACT",
    "KNOBS",
    "NUMERICAL",
    "ROUND_OFF",
    "SAFETY_CLASSES",
    "Domain",
    "Excluded",
    "InSession",
    "Knob",
    "Lifetime",
    "ToldBy",
    "in_order_of_application",
]
