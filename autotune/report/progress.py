"""What the pipeline tells while it works. A report implements it; the pipeline knows nothing of terminals."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from autotune.config import SearchConfig
from autotune.export import Best
from autotune.measure import Event
from autotune.observe import Observation
from autotune.plan.space import SearchSpace
from autotune.search.resident import ResidentRecord
from autotune.store.records import Trial
from autotune.verify.calibrate import Calibration
from autotune.verify.noise import NoiseRecord


class Progress(Protocol):
    """One method for each thing that a user may want to see happen."""

    def step(self, name: str) -> str:
        """A step of the pipeline begins; returns its name."""

    def observed(self, observation: Observation) -> None: ...

    def planned(self, space: SearchSpace) -> None: ...

    def calibrated(self, calibration: Calibration) -> None: ...

    def timed(self, record: NoiseRecord, note: str) -> None:
        """The A/A runs are done: how small a gain can be shown; `note` says how much of the run is searched."""

    def resident(self, record: ResidentRecord) -> None:
        """It is known whether trials run on one built network."""

    def searching(self, known: list[Trial], limits: SearchConfig) -> None:
        """The search begins, with the trials of earlier sessions."""

    def trial(self, trial: Trial) -> None:
        """A trial has its verdict."""

    def confirming(self, chosen: list[Trial], pairs: int, done: int) -> None:
        """The confirmation begins: so many pairs for each of the chosen; `done` of them are already there."""

    def confirmed(self, event: Event) -> None:
        """One pair is measured, or a finalist has dropped out."""

    def finished(self, best: Best, folder: Path) -> None:
        """The study has its answer."""
