"""What a watched run taught about a model: the facts by which a knob decides whether it applies and over which
values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple


@dataclass(frozen=True)
class ModelFacts:
    """The whole network, merged from the reports of all ranks."""

    neuron: Tuple[int, ...]
    """Version of NEURON, for example (9, 0, 2)."""
    ranks: int
    """The number of ranks that really joined."""
    dt_ms: float
    t_stop_ms: float
    ranks_tunable: bool = False
    """The command says {ranks}, so that it can be started with another number."""
    cores: int = 1
    """Physical cores of this machine."""
    cvode: bool = False
    """The variable step method is active."""
    psolve: bool = True
    """The run section is spent in `pc.psolve`, not in `run()` or a loop of `fadvance`."""
    threads: int = 1
    cells: int = 0
    artificial_cells: int = 0
    artificial_gids: int = 0
    """Artificial cells that have a gid, so that their spikes are exchanged."""
    output_gids: Tuple[int, ...] = ()
    """Output gids of every rank."""
    min_delay_ms: Optional[float] = None
    """The smallest delay of a NetCon whose source lives on another rank; None when there is no such NetCon."""
    delays_ms: Tuple[float, ...] = ()
    """The distinct delays of the network, ascending (at most a few thousand)."""
    mechanisms: Tuple[str, ...] = ()
    histogram: Tuple[int, ...] = ()
    """Entry n counts the exchanges in which the busiest rank sent n spikes (`pc.max_histogram`)."""
    run_s: float = 0.0
    """Wall time of the run section, the largest over the ranks; so are the two below."""
    exchange_s: float = 0.0
    """Spike exchange, with the barrier before it."""
    barrier_s: float = 0.0
    baseline: Dict[str, Any] = field(default_factory=dict)
    """What each knob reads back in the untouched run."""

    @property
    def zero_delay(self) -> bool:
        """Some NetCon has no delay at all."""
        return bool(self.delays_ms) and self.delays_ms[0] <= 0.0

    @property
    def delays_on_grid(self) -> bool:
        """Every delay is a multiple of dt, so the bin queue moves no event."""
        return all(is_multiple(delay, self.dt_ms) for delay in self.delays_ms)

    def spikes_per_exchange(self, percentile: float) -> int:
        """The number of spikes that covers `percentile` % of the exchanges; 0 without a histogram."""
        total = sum(self.histogram)
        covered = 0
        for spikes, exchanges in enumerate(self.histogram):
            covered += exchanges
            if exchanges and covered >= total * percentile / 100.0:
                return spikes
        return 0


def is_multiple(value: float, step: float) -> bool:
    """Whether `value` is a whole number of steps, within the rounding of decimal fractions."""
    return abs(value / step - round(value / step)) < 1e-6
