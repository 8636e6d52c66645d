"""The study folder is the truth: one file a record, each whole or absent, so that a study can be killed at any moment
and goes on.

study.json  observation.json  acceptance.json  confirmation.json   one record a step
trials/0007.json                                                   one record a trial
rasters/baseline.npz                                               what every trial is compared with
optuna.journal                                                     the sampler's memory; can be rebuilt from trials/
agent/  scratch/                                                   the staged agent and the runs in progress
"""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import Any, TextIO, TypeVar

from pydantic import TypeAdapter, ValidationError

from autotune.agent.protocol import write_atomically
from autotune.errors import UsageError
from autotune.store.records import StudyRecord, Trial

Record = TypeVar("Record")
MARKER = "study.json"


class StudyFolder:
    """Reads and writes the records of one study."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: TextIO | None = None

    @property
    def agent(self) -> Path:
        """Absolute, as `scratch`: the user's command runs in another working directory."""
        return self.path.absolute() / "agent"

    @property
    def scratch(self) -> Path:
        return self.path.absolute() / "scratch"

    @property
    def baseline_raster(self) -> Path:
        return self.path / "rasters" / "baseline.npz"

    def create(self) -> None:
        """Make the folder and hold it: one driver a study.

        Raises UsageError when another driver holds it or the place is not a study's.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path}: is a file, not a study folder", cure="Choose another place with --out.")
        if self.path.is_dir() and any(self.path.iterdir()) and not self._is_ours():
            raise UsageError(
                f"{self.path}: holds files that no study wrote", cure="Choose an empty or new folder with --out."
            )
        for folder in (self.path, self.path / "trials", self.path / "rasters", self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.path / ".lock", "w")  # noqa: SIM115 - held for the life of the study
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(
                f"{self.path}: another run works on this study", cure="Wait for it, or use --out."
            ) from error

    def discard(self) -> None:
        """Start afresh: remove what an earlier study left here, and nothing that is not a study's."""
        if self.path.is_dir() and self._is_ours():
            shutil.rmtree(self.path)

    def close(self) -> None:
        """Let go of the folder and remove what runs left behind."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        if self._lock:
            self._lock.close()

    def write(self, name: str, record: Any) -> None:
        """Write a record as `name`.json, whole or not at all."""
        text = TypeAdapter(type(record)).dump_json(record, indent=1)
        write_atomically(self.path / f"{name}.json", lambda file: file.write(text))

    def read(self, name: str, kind: type[Record]) -> Record | None:
        """The record, or None when the study has not come so far. Raises UsageError for a damaged file."""
        file = self.path / f"{name}.json"
        if not file.is_file():
            return None
        try:
            return TypeAdapter(kind).validate_json(file.read_bytes())
        except ValidationError as error:
            raise UsageError(
                f"{file}: is damaged or from another version: {error.errors()[0]['msg']}",
                cure="Remove that file to make this step again, or start afresh with --fresh.",
            ) from error

    def write_trial(self, trial: Trial) -> None:
        self.write(f"trials/{trial.number:04d}", trial)

    def trials(self) -> list[Trial]:
        """All finished trials, by number."""
        names = sorted(file.stem for file in (self.path / "trials").glob("[0-9]*.json"))
        found = (self.read(f"trials/{name}", Trial) for name in names)
        return [trial for trial in found if trial is not None]

    def _is_ours(self) -> bool:
        return (self.path / MARKER).is_file() or (self.path / ".lock").is_file()


def open_finished(path: Path) -> tuple[StudyFolder, StudyRecord]:
    """An existing study, for reading only. Raises UsageError when there is none."""
    folder = StudyFolder(path)
    study = folder.read("study", StudyRecord) if path.is_dir() else None
    if study is None:
        raise UsageError(
            f"{path}: no study there", cure="Give the folder that `autotune run` wrote, for example runs/ring."
        )
    return folder, study
