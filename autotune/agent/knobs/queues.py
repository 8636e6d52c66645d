"""What the two event-queue knobs share: `cvode.queue_mode(bin, self)` sets both at once, so each keeps the other's
value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ..simulator import Simulator

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written

BIN, SELF = 1, 2
TOGETHER = ("bin_queue", "self_queue")
EVENT_S = 3e-6  # into the queue and out of it again: several times what was measured with 10^6 events (0.1 to 0.4 us)
PART = "the event queue"


def set_queue(sim: Simulator, bit: int, on: bool) -> None:
    """Switch one of the two bits of the queue mode."""
    mode = int(sim.cvode.queue_mode())
    mode = mode | bit if on else mode & ~bit
    sim.cvode.queue_mode(1 if mode & BIN else 0, 1 if mode & SELF else 0)


def write_queues(name: str, tuned: Tuned) -> Written:
    """The one statement for both bits, for the first of them that is changed."""
    from ..driver.written import NOTHING, alike

    if name != next(knob for knob in TOGETHER if knob in tuned.changes):
        return NOTHING
    return alike("{cvode}.queue_mode(%d, %d)" % tuple(bool(tuned.get(knob)) for knob in TOGETHER))


def queue_share(facts: ModelFacts) -> Optional[float]:
    """The largest share of the run section that the event queue can be; None when its events were not counted
    (CoreNEURON counts none)."""
    if facts.queue_events is None or facts.run_s <= 0.0 or facts.baseline.get("coreneuron"):
        return None
    return min(1.0, facts.queue_events * EVENT_S / facts.run_s)


def queue_is(sim: Simulator, bit: int) -> bool:
    """Whether a bit is in effect; for the self queue it tells the truth only after finitialize."""
    return bool(int(sim.cvode.queue_mode()) & bit)
