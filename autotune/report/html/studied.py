"""All that a report tells of, read once: the answer and the records that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autotune.best import Best
from autotune.calibrate.calibration import Calibration
from autotune.calibrate.noise import NoiseRecord
from autotune.config import ConfirmConfig
from autotune.handover.answer import Answer, read_answer
from autotune.measure import Confirmation
from autotune.raster.files import read_raster
from autotune.raster.raster import Raster
from autotune.store.folder import StudyFolder
from autotune.store.records import StudyRecord, Trial


@dataclass(frozen=True)
class Studied:
    """A finished study."""

    answer: Answer
    confirmation: Confirmation
    calibration: Calibration | None
    noise: NoiseRecord | None
    """With what search and proof have shown since."""
    spent_s: dict[str, float]
    """Wall time of each step."""
    window_ms: float
    """The largest shift of a spike that has its partner."""
    baseline: Raster | None
    """None where its file is gone."""
    tuned: Raster | None
    """The winner's, of its first confirming run; None without a winner, and in studies from before it was kept."""

    @property
    def best(self) -> Best:
        return self.answer.best

    @property
    def winner(self) -> Trial | None:
        return self.answer.winner

    @property
    def improved(self) -> bool:
        return self.best.verdict == "improved"

    @property
    def brings(self) -> list[dict[str, Any]]:
        """What each setting brings beside the others, as best.json has it: a single one brings all. Empty where that
        was not measured.
        """
        found, winner = self.best.evidence.brings, self.winner
        if found or winner is None or len(winner.changes) != 1:
            return found
        (only,), speed = winner.changes.items(), self.best.speedup
        named = {"knob": only[0], "value": only[1], "kept": True}
        return [{**named, "estimate": speed.estimate, "low": speed.low, "high": speed.high}]


def read_studied(folder: StudyFolder, study: StudyRecord) -> Studied:
    """Read it. Raises UsageError when the study has not come to its end, or a record is damaged."""
    answer = read_answer(folder, study)
    confirmation, noise = folder.read(Confirmation), folder.read(NoiseRecord)
    assert confirmation is not None  # else there were no answer
    limits = ConfirmConfig(**study.config.get("confirm", {}))
    tuned = folder.raster_of(answer.winner.changes) if answer.winner else None
    return Studied(
        answer=answer,
        confirmation=confirmation,
        calibration=folder.read(Calibration),
        noise=noise.after(answer.trials, limits, confirmation) if noise else None,
        spent_s=folder.spent(),
        window_ms=float(study.config.get("accept", {}).get("window_ms", 1.0)),
        baseline=read_raster(folder.baseline_raster) if folder.baseline_raster.is_file() else None,
        tuned=read_raster(tuned) if tuned and tuned.is_file() else None,
    )
