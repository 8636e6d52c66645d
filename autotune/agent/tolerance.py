"""Run a model that takes variable steps (CVODE) at a tighter tolerance than its own.

The local error that CVODE allows is `cvode.atol()` (times the scale of each state) and `cvode.rtol()` of the state
itself; a part of both is set in each finitialize, before CVODE is started there. A script that sets them later has its
own tolerance in effect at the end, which is read back then: such a run must not be taken for a finer one.
"""

from __future__ import annotations

from typing import Optional, Tuple

from .simulator import Simulator

Tolerance = Tuple[float, float]


class Tighter:
    """Sets a `divisor`-th of the model's own tolerance."""

    def __init__(self, sim: Simulator, divisor: float) -> None:
        self._sim = sim
        self._divisor = divisor
        self._set: Optional[Tolerance] = None

    def apply(self) -> None:
        """Inside a type-3 finitialize handler. What an earlier finitialize has set is no tolerance of the model's."""
        own = self._now()
        if own == self._set:
            return
        self._sim.cvode.atol(own[0] / self._divisor)
        self._sim.cvode.rtol(own[1] / self._divisor)
        self._set = self._now()

    def in_effect(self) -> bool:
        """Whether the variable step is in use, and still at this tolerance."""
        return bool(int(self._sim.cvode.active())) and self._now() == self._set

    def _now(self) -> Tolerance:
        return float(self._sim.cvode.atol()), float(self._sim.cvode.rtol())
