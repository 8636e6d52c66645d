"""Studies and trials as they lie in their folders, for whoever stays in the terminal and for programs.

Only records are read: a study may be at work meanwhile, or have been stopped anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from autotune.best import Best
from autotune.calibrate.calibration import Calibration
from autotune.errors import UsageError
from autotune.export import make_best
from autotune.measure import Confirmation
from autotune.observe import Observation
from autotune.plan.space import Plan
from autotune.search.stop import Stopped
from autotune.store.folder import MARKER, StudyFolder
from autotune.store.records import StudyRecord, Trial

STEPS = {"observe": Observation, "plan": Plan, "calibrate": Calibration, "search": Stopped, "confirm": Confirmation}
FINISHED = "finished"
DEPTH = 3  # folders below the one that is asked for


@dataclass(frozen=True)
class Listed:
    """One study in a line."""

    folder: Path
    study: str
    created: str
    state: str
    """FINISHED, the step that comes next, or what is wrong with its records."""
    trials: int = 0
    best: Best | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "folder": str(self.folder),
            "study": self.study,
            "created": self.created,
            "state": self.state,
            "trials": self.trials,
            "verdict": self.best.verdict if self.best else None,
            "speedup": self.best.speedup.model_dump() if self.best else None,
        }


@dataclass(frozen=True)
class Shown:
    """One study, as far as it has come."""

    listed: Listed
    trials: tuple[Trial, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what the list says of it, and the whole answer under `best`."""
        best = self.listed.best
        return {**self.listed.as_dict(), "best": best.model_dump(mode="json") if best else None}


@dataclass(frozen=True)
class ShownTrial:
    """One trial, beside the user's own settings."""

    trial: Trial
    own: dict[str, Any]
    """The user's own value of every knob, as far as it is known."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the record of the trial."""
        plain: dict[str, Any] = TypeAdapter(Trial).dump_python(self.trial, mode="json")
        return plain


def find_studies(root: Path) -> list[Listed]:
    """The studies in `root`, or the one that it is, the newest first. Raises UsageError when there is no such
    folder.
    """
    if not root.is_dir():
        raise UsageError(f"{root}: there is no such folder", cure="Name the one that holds your studies' folders.")
    places = [place.parent for depth in range(DEPTH) for place in root.glob("*/" * depth + MARKER)]
    return sorted((_listed(StudyFolder(place)) for place in places), key=lambda each: each.created, reverse=True)


def show_study(folder: StudyFolder) -> Shown:
    """All that is known of it. Raises UsageError for a damaged record."""
    return Shown(_as_far(folder), tuple(folder.trials()))


def show_trial(folder: StudyFolder, number: int) -> ShownTrial:
    """One trial. Raises UsageError when there is none of this number."""
    trials = {trial.number: trial for trial in folder.trials()}
    if number not in trials:
        there = f"0 to {max(trials)}" if trials else "none"
        raise UsageError(f"{folder.path}: there is no trial {number}", cure=f"Its trials: {there}.")
    observation = folder.read(Observation)
    return ShownTrial(trials[number], dict(observation.facts.baseline) if observation else {})


def _listed(folder: StudyFolder) -> Listed:
    """A damaged study must not hide the others."""
    try:
        return _as_far(folder)
    except UsageError as error:
        return Listed(folder.path, folder.path.name, "", error.message)


def _as_far(folder: StudyFolder) -> Listed:
    study = folder.read(StudyRecord)
    assert study is not None  # its file is what a study is known by
    trials = len(folder.trials())
    for step, kind in STEPS.items():
        if folder.read(kind) is None:
            return Listed(folder.path, study.name, study.created, step, trials)
    return Listed(folder.path, study.name, study.created, FINISHED, trials, make_best(folder, study))
