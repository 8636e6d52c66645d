"""The records of a study: what is written down of each step, one file a record.

They are frozen dataclasses; pydantic reads and writes them, so that a damaged or foreign file is told from a good one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from autotune.machine import Disturbed
from autotune.results import Compared, condensed
from autotune.settings import NOT_READ, UNCHANGED, Changes, Effective, Params

Verdict = Literal["accepted", "diverged", "unstable", "crashed", "timeout", "not applicable"]


@dataclass(frozen=True)
class Sample:
    """One measurement of a trial between two runs of the baseline; seconds of the objective."""

    before_s: float
    trial_s: float
    after_s: float
    cpu_s: tuple[float, ...] = ()
    """CPU time of each rank in the trial's run."""
    way: str = ""
    """How all three runs were made: "fresh" or "session"; empty in records from before this was written down."""
    interrupted: tuple[int, ...] = ()
    """How often the kernel took a core from a rank (involuntary context switches), before, in the trial and after."""
    disturbed: tuple[Disturbed, ...] = ()
    """What else the cores did in these runs, by the kernel's books; empty where it does not tell."""


@dataclass(frozen=True)
class Trial:
    """One trial, finished. It has exactly one verdict."""

    number: int
    params: Params
    """What was asked for: a value for each active knob."""
    verdict: Verdict
    reason: str = ""
    """Why it was rejected, in words; empty when it was accepted."""
    effective: Effective = field(default_factory=lambda: NOT_READ)
    """What every rank read back."""
    changes: Changes = field(default_factory=lambda: UNCHANGED)
    """What was set, because it differs from the user's own settings; empty for the baseline."""
    safety: str = "exact"
    """The class that the raster was judged by."""
    ratio: float | None = None
    """Time over that of the baseline runs right before and after it; the geometric mean of the samples."""
    samples: tuple[Sample, ...] = ()
    distance: float | None = None
    """Raster distance to the baseline: 0 identical, 1 nothing in common."""
    largest_shift_ms: float | None = None
    """Of the spikes that have their partner in the baseline; None where single spikes are not compared."""
    mean_shift_ms: float | None = None
    """Of the same, without its sign."""
    statistics: float | None = None
    """Where it was judged by statistics: how far the worst lies from the centre of its band, 1 at the edge."""
    where: str | None = None
    """In what it differs from the baseline: spikes, file, trace, callbacks or output."""
    looked: tuple[Compared, ...] = ()
    """What was compared with the user's own run, what is identical as one a kind."""
    violation: float = 0.0
    """The constraint that the sampler sees: 0 or less is feasible."""
    sections: dict[str, float] = field(default_factory=dict)
    """Seconds of the first run: setup, run, output, step, exchange, barrier, dispatch; the largest over the ranks."""
    not_built: bool = False
    """Its mechanisms could not be built."""
    answered_from: int | None = None
    """The earlier trial that had the same effective settings; no run was made for this one."""
    spikes: int | None = None
    wall_s: float = 0.0
    """What this trial cost, its baseline runs included."""
    finished: str = ""
    """When, ISO 8601 in UTC."""
    worker: str = ""
    """Which one has made it (cluster/workers); empty where a study has none."""

    @property
    def accepted(self) -> bool:
        return self.verdict == "accepted"


@dataclass(frozen=True)
class LookedAt:
    """What of runs in fresh processes was compared with the user's own run: of the finalists, and of the settings of
    which results count from sessions, which never come to the end of the script.
    """

    RECORD: ClassVar[str] = "looked"

    finalists: dict[str, tuple[Compared, ...]] = field(default_factory=dict)
    """By their settings, as JSON; the last run of each."""
    before_sessions: dict[str, tuple[Compared, ...]] = field(default_factory=dict)
    """By the settings of the run, as JSON."""

    def with_run(self, changes: Changes, compared: tuple[Compared, ...]) -> LookedAt:
        """The same with one more run of a finalist."""
        return replace(self, finalists={**self.finalists, _settings(changes): condensed(compared)})

    def with_run_before_sessions(self, changes: Changes, compared: tuple[Compared, ...]) -> LookedAt:
        """The same with one more run with knobs that sessions have not been compared with."""
        return replace(self, before_sessions={**self.before_sessions, _settings(changes): condensed(compared)})

    def of(self, trial: Trial) -> tuple[Compared, ...]:
        """What is known of a trial: from its fresh runs, else from the search."""
        return self.finalists.get(_settings(trial.changes), trial.looked)


def _settings(changes: Changes) -> str:
    return json.dumps(changes, sort_keys=True)


@dataclass(frozen=True)
class Environment:
    """Where the study ran."""

    neuron: str
    python: str
    executable: str
    mpi: str
    mpi_library: str
    ranks: int
    cpu: str
    cores: int
    host: str
    platform: str


@dataclass(frozen=True)
class ModelIdentity:
    """Which model was tuned: the command and the SHA-256 of its files, relative to the working directory."""

    command: tuple[str, ...]
    folder: str
    files: dict[str, str]


@dataclass(frozen=True)
class StudyRecord:
    """What a study was started with; the same command goes on with it, another one is refused."""

    RECORD: ClassVar[str] = "study"

    name: str
    config: dict[str, Any]
    model: ModelIdentity
    storage: str | None
    created: str
    version: str
