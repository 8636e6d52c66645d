"""One run: what it is asked to do (`Ask`), who does it (`Runner`), and what came of it (`Run`).

Fresh processes, a session, the sessions' router and the clock of a test are all runners: whoever needs a run asks for
it in the same words. No run is asked for without a time limit.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from autotune.agent.protocol import RankReport
from autotune.launch.printed import Printed
from autotune.launch.sections import Timing, section_times
from autotune.machine import Disturbed, disturbed_by
from autotune.raster import Raster
from autotune.results.measure import Measured
from autotune.settings import UNCHANGED, Changes, Effective
from autotune.traces import Traces

Way = Literal["fresh", "session"]
"""How a run was made: in a process of its own, or on a network that was built before. Times of the two are never
compared."""


@dataclass(frozen=True)
class Perturbation:
    """Every segment starts `mv` millivolts higher or lower, by a sign of its own that `seed` draws."""

    mv: float
    seed: int


@dataclass(frozen=True)
class Ask:
    """What one run is asked to do."""

    limit_s: float
    """After so many seconds of wall time it is ended."""
    changes: Changes = field(default_factory=lambda: UNCHANGED)
    """What is set otherwise than the user has it."""
    voltages: int = 0
    """How many segments a rank samples at most, to judge stability; 0: none."""
    perturbation: Perturbation | None = None
    tighter: float = 0.0
    """The variable step keeps to the model's own tolerance divided by this; 0: to the model's own. Only a fresh
    process is asked for it: nothing puts the tolerance back.
    """
    stop_ms: float | None = None
    """Where the run section ends early, for a search on a part of a long run; None: the user's own end."""

    def setting(self, changes: Changes) -> Ask:
        """The same with other changes."""
        return replace(self, changes=changes)

    def within(self, limit_s: float) -> Ask:
        """The same with another time limit."""
        return replace(self, limit_s=limit_s)

    @property
    def plain(self) -> bool:
        """Nothing but the settings is asked for: its raster is what these settings give."""
        return self.perturbation is None and not self.tighter


@dataclass(frozen=True)
class Run:
    """One finished run of the whole model."""

    reports: tuple[RankReport, ...]
    """One of each rank, by rank."""
    raster: Raster
    effective: Effective
    run_s: float
    """Wall time of the run sections, the largest over the ranks."""
    sections: dict[str, float]
    wall_s: float
    exit_code: int | None
    way: Way = "fresh"
    printed: Printed = field(default_factory=Printed)
    """What it printed; nothing in a session."""
    files: tuple[Measured, ...] | None = None
    """Its files beside those of the watched run; None where they were not looked at, as in a session."""
    traces: Traces | None = None
    """What it recorded; None where nothing was to be written of it."""
    by_jobs: bool = False
    """Its ranks did jobs by themselves or in subworlds (launch/jobs.py)."""
    inner: str = ""
    """The command that simulates, where the given one is a Python program that only starts it; of a watched run."""

    @property
    def ranks(self) -> int:
        return len(self.reports)

    def timed_by(self, timing: Timing) -> Run:
        """The same run, its section timed in another way."""
        sections = section_times(self.reports, self.wall_s, timing)
        return replace(self, sections=sections, run_s=sections["run"])

    def time_s(self, objective: str) -> float:
        """Seconds of the run section ("run") or of the whole process ("total")."""
        return self.wall_s if objective == "total" else self.run_s

    @property
    def cpu_s(self) -> tuple[float, ...]:
        """CPU time of each rank."""
        return tuple(report.cpu_s for report in self.reports)

    @property
    def interrupted(self) -> int:
        """How often the kernel took a core from a rank: involuntary context switches of all of them."""
        return sum(report.interrupted for report in self.reports)

    @property
    def disturbed(self) -> Disturbed | None:
        """What else the cores did, on the node that was disturbed most; None where no kernel tells."""
        own_s: dict[str, float] = {}
        for report in self.reports:
            own_s[report.host] = own_s.get(report.host, 0.0) + report.cpu_s
        nodes = {report.host: disturbed_by(report.booked_s, own_s[report.host]) for report in self.reports}
        found = [node for node in nodes.values() if node is not None]
        return max(found, key=lambda node: node.others + node.stolen, default=None)

    @property
    def first(self) -> RankReport:
        """The first rank that simulated; only where ranks do jobs there may be others."""
        return next((report for report in self.reports if report.simulated), self.reports[0])

    @property
    def t_ms(self) -> float:
        """The t that was reached; of jobs: in the longest one."""
        if self.by_jobs:
            return max(section.t_stop_ms for report in self.reports for section in report.sections)
        return self.reports[0].t_ms


class Runner(Protocol):
    """Whoever makes runs."""

    def run(self, ask: Ask) -> Run:
        """Make one run. Raises RunFailed when it proves nothing."""
