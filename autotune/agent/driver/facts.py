"""What a watched run taught about a model: the facts by which a knob decides whether it applies and over which
values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple

from ..grid import is_multiple
from .ask import home_of


@dataclass(frozen=True)
class LaunchFacts:
    """What the driver found out about starting the command in another way."""

    mpi: str = ""
    """The launcher, for example Open MPI; empty when the command is serial."""
    binding: Dict[str, Tuple[str, ...]] = field(default_factory=dict)
    """The words with which it binds ranks, for each value of the knob binding; empty when they are not known."""
    placed: bool = False
    """The user's own words already say where ranks are bound or mapped."""
    mod_files: Tuple[str, ...] = ()
    """The sources of the compiled mechanisms that the model loads; empty when it loads none."""
    plain: Tuple[str, ...] = ()
    """The compiled mechanisms that use no more of the processor than any other has, as nrnivmodl compiles by itself."""
    no_build: str = ""
    """Why these mechanisms cannot be built and loaded anew; empty when they can, and when there are none."""
    nrnivmodl: str = ""
    """The one that belongs to the user's NEURON."""
    environments: Tuple[Tuple[str, Tuple[int, ...]], ...] = ()
    """Further environments that the user named, each with its version of NEURON."""

    @property
    def binds(self) -> bool:
        """Ranks can be bound in another way."""
        return bool(self.binding) and not self.placed


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
    """Physical cores that a run on this machine may use."""
    cvode: bool = False
    """The variable step method is active."""
    psolve: bool = True
    """The run section is spent in `pc.psolve`, not in `run()` or a loop of `fadvance`."""
    threads: int = 1
    by_jobs: bool = False
    """Its ranks do jobs by themselves or in subworlds, so that the whole process is timed."""
    cells: int = 0
    """With a gid: those of a serial model have none."""
    artificial_cells: int = 0
    artificial_gids: int = 0
    """Artificial cells that have a gid, so that their spikes are exchanged."""
    sources_without_gid: int = 0
    """Sources of spikes that have none, stimuli apart: the cells of most serial models."""
    spots: int = 0
    """Where NEURON looks for no spikes at all: places at whose voltage the agent does,"""
    spots_are: str = ""
    """and what these are."""
    recorded: int = 0
    """Vectors that NEURON fills for the script (`Vector.record`), but for those of t."""
    without_thread: int = 0
    """Variables that are recorded or played and are in no cell: NEURON cannot tell which thread is to do it."""
    output_gids: Tuple[int, ...] = ()
    """Output gids of every rank."""
    min_delay_ms: Optional[float] = None
    """The smallest delay of a NetCon whose source lives on another rank; None when there is no such NetCon."""
    delays_ms: Tuple[float, ...] = ()
    """The distinct delays of the network, ascending (at most a few thousand)."""
    has_sections: bool = True
    """There is a membrane to integrate; False for a network of artificial cells alone."""
    trees: Optional[int] = None
    """Cells as NEURON deals them to threads, whole: connected trees of sections; None when they were not counted."""
    thread_unsafe: Tuple[str, ...] = ()
    """Mechanisms in use that NEURON refuses to run on more than one thread."""
    lacking_threadsafe: Tuple[str, ...] = ()
    """Those of them that the word THREADSAFE alone would mend."""
    histogram: Tuple[int, ...] = ()
    """Entry n counts the exchanges in which the busiest rank sent n spikes (`pc.max_histogram`)."""
    run_s: float = 0.0
    """Wall time of the run section, the largest over the ranks; so are the three below."""
    step_s: float = 0.0
    """Integration and events; 0 when NEURON's timers stood still (no `pc.psolve`)."""
    exchange_s: float = 0.0
    """Spike exchange, with the barrier before it."""
    barrier_s: float = 0.0
    queue_events: Optional[int] = None
    """Events that went through the event queue, the most of any rank; None when they were not counted."""
    no_coreneuron: str = ""
    """What in the model CoreNEURON cannot simulate; empty when nothing is known."""
    shared: bool = False
    """The vectors that the model itself records hold its spikes, so that later runs may read them."""
    launch: LaunchFacts = field(default_factory=LaunchFacts)
    baseline: Dict[str, Any] = field(default_factory=dict)
    """What each knob reads back in the untouched run."""

    def neuron_for(self, settings: Dict[str, Any]) -> Tuple[int, ...]:
        """The version of NEURON that runs with these settings."""
        return dict(self.launch.environments).get(home_of(settings), self.neuron)

    @property
    def sources(self) -> int:
        """How many cells could have fired, as far as they are cells with a membrane; 0 where none is known."""
        return self.cells - self.artificial_gids + self.sources_without_gid or self.spots

    @property
    def membranes(self) -> int:
        """How many cells with a membrane there are: those that could fire, else the trees."""
        return self.sources or self.trees or 0

    @property
    def detects_spikes(self) -> bool:
        """NEURON looks for spikes of something in the model, whether or not it fired."""
        return bool(self.cells + self.sources_without_gid)

    @property
    def versions(self) -> Tuple[Tuple[int, ...], ...]:
        """The versions of NEURON that may run: the model's own and those of the named environments."""
        return (self.neuron, *(version for _, version in self.launch.environments))

    @property
    def zero_delay(self) -> bool:
        """Some NetCon has no delay at all."""
        return bool(self.delays_ms) and self.delays_ms[0] <= 0.0

    @property
    def exchange_interval_ms(self) -> Optional[float]:
        """How often spikes were exchanged; None when no exchange was counted."""
        exchanges = sum(self.histogram)
        return self.t_stop_ms / exchanges if exchanges else None

    def share_of_run(self, seconds: float) -> Optional[float]:
        """The share of the run section that `seconds` are, at most 1; None when the times are not known."""
        return min(1.0, seconds / self.run_s) if self.run_s > 0.0 and self.step_s > 0.0 else None

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
