"""What a watched run has taught: the type that every later step reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from autotune.agent.driver.facts import ModelFacts
from autotune.launch.beside import Beside
from autotune.store.records import Environment

HANG_FACTOR, HANG_SLACK_S = 10.0, 30.0  # a start takes seconds, on a loaded machine ten of them


@dataclass(frozen=True)
class SessionStart:
    """How a model's process is made to run its built network again and again."""

    at: int
    """The number, from 0, of the finitialize that begins its run."""
    until_ms: float
    """The t at which the watched run ended."""
    psolve: bool
    """It integrates by `pc.psolve`."""
    ways: tuple[str, ...] = ()
    """How the network may be started again (agent.session.WAYS), the first one is used; none with fork."""
    fork: bool = False
    """Each run is a copy of the process."""
    v_mv: float | None = None
    """The voltage that finitialize gave to all segments, if it did."""
    own: dict[str, Any] = field(default_factory=dict)
    """The model's own settings, as far as they can be read after a run only."""


@dataclass(frozen=True)
class Observation:
    """The user's own run, watched; everything later is compared with it."""

    RECORD: ClassVar[str] = "observation"

    facts: ModelFacts
    environment: Environment
    exit_code: int | None
    spikes: int
    raster_digest: str
    voltage_digests: tuple[str, ...]
    """One of each rank: what verifies a model that makes no spikes."""
    voltages: tuple[dict[str, Any], ...] = field(default=(), kw_only=True)
    """What its sampled voltages do, rank by rank (agent/voltages.py): the yardstick of stability."""
    rounding: tuple[int | None, ...] = field(default=(), kw_only=True)
    """How the processor rounded in each of its ranks (agent/floating_point.py)."""
    run_s: float
    wall_s: float
    sections: dict[str, float]
    load_balance: float | None
    """mean(step_time) / max(step_time + step_wait) over the ranks; 1 is perfect; None without psolve."""
    rank_cells: tuple[int, ...]
    rank_step_s: tuple[float, ...] = field(default=(), kw_only=True)
    """Of each rank: integration and events, seconds; 0 without psolve."""
    rank_spikes: tuple[int, ...] = field(default=(), kw_only=True)
    rank_trees: tuple[int, ...] = field(default=(), kw_only=True)
    """Cells as NEURON integrates them, with a gid or without."""
    finitializes: int
    """How many times a rank called finitialize; settings apply to all of them."""
    runs: int = 1
    """How many of these were followed by a run."""
    takeover: SessionStart | None = None
    """How the process can be made to run its built network again; None when nothing was integrated."""
    written: tuple[str, ...] = ()
    """Files that the run made, changed or removed; relative to the command's folder where they lie in it."""
    means: str = ""
    """What keeps trials from the user's files (launch/files); empty: they run in place."""
    kept: str = ""
    """The same in words."""
    beside: Beside = field(default_factory=Beside)
    """What it did beside spikes."""
    notes: tuple[str, ...] = field(default=())

    @property
    def traced(self) -> bool:
        """Whether there is anything beside spikes to judge a run by: what is recorded, or voltages, which are where
        there are no spikes.
        """
        return self.facts.recorded > 0 or self.voltages_count

    @property
    def voltages_count(self) -> bool:
        """Whether the voltages of its cells are recorded in later runs: NEURON detects no spikes, or there are none."""
        return self.facts.spots > 0 or (not self.spikes and self.facts.has_sections)

    def limit_s(self, own_limit_s: float) -> float:
        """After so many seconds a run of this model must be hanging; `own_limit_s` is the user's limit."""
        return min(own_limit_s, HANG_FACTOR * self.wall_s + HANG_SLACK_S)
