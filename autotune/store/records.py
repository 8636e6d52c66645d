"""The records of a study: what is written down of each step, one file a record.

They are frozen dataclasses; pydantic reads and writes them, so that a damaged or foreign file is told from a good one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["accepted", "diverged", "unstable", "crashed", "timeout", "not applicable"]
Settings = dict[str, Any]
"""Knob name to value."""


@dataclass(frozen=True)
class Sample:
    """One measurement of a trial between two runs of the baseline; seconds of the objective."""

    before_s: float
    trial_s: float
    after_s: float
    cpu_s: tuple[float, ...] = ()
    """CPU time of each rank in the trial's run."""


@dataclass(frozen=True)
class Trial:
    """One trial, finished. It has exactly one verdict."""

    number: int
    params: Settings
    """What was asked for: a value for each active knob."""
    verdict: Verdict
    reason: str = ""
    """Why it was rejected, in words; empty when it was accepted."""
    effective: Settings = field(default_factory=dict)
    """What every rank read back."""
    changes: Settings = field(default_factory=dict)
    """What was set, because it differs from the user's own settings; empty for the baseline."""
    safety: str = "exact"
    """The class that the raster was judged by."""
    ratio: float | None = None
    """Time over that of the baseline runs right before and after it; the geometric mean of the samples."""
    samples: tuple[Sample, ...] = ()
    distance: float | None = None
    """Raster distance to the baseline: 0 identical, 1 nothing in common."""
    violation: float = 0.0
    """The constraint that the sampler sees: 0 or less is feasible."""
    sections: dict[str, float] = field(default_factory=dict)
    """Seconds of the first run: setup, run, output, step, exchange, barrier, dispatch; the largest over the ranks."""
    answered_from: int | None = None
    """The earlier trial that had the same effective settings; no run was made for this one."""
    spikes: int | None = None
    wall_s: float = 0.0
    """What this trial cost, its baseline runs included."""
    finished: str = ""
    """When, ISO 8601 in UTC."""

    @property
    def accepted(self) -> bool:
        return self.verdict == "accepted"


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

    name: str
    config: dict[str, Any]
    model: ModelIdentity
    storage: str | None
    created: str
    version: str


@dataclass(frozen=True)
class ConfirmationLog:
    """The pairs that a confirmation has measured so far, and for which finalists."""

    finalists: tuple[str, ...] = ()
    pairs: int = 0
    """How many of each were planned: another plan cannot go on with these."""
    events: tuple[dict[str, Any], ...] = ()
    earlier: int = 0
    """How many confirmations of this study were begun before, with other finalists."""
