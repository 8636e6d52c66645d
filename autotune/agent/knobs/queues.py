"""What the two event-queue knobs share: `cvode.queue_mode(bin, self)` sets both at once, so each keeps the other's
value.
"""

from __future__ import annotations

from ..simulator import Simulator

BIN, SELF = 1, 2


def set_queue(sim: Simulator, bit: int, on: bool) -> None:
    """Switch one of the two bits of the queue mode."""
    mode = int(sim.cvode.queue_mode())
    mode = mode | bit if on else mode & ~bit
    sim.cvode.queue_mode(1 if mode & BIN else 0, 1 if mode & SELF else 0)


def queue_is(sim: Simulator, bit: int) -> bool:
    """Whether a bit is in effect; for the self queue it tells the truth only after finitialize."""
    return bool(int(sim.cvode.queue_mode()) & bit)
