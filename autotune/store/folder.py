"""The study folder is the truth: one file a record, each whole or absent, so that a study can be killed at any moment
and goes on.

study.json  observation.json  plan.json  …  confirmation.json   a record of each step, which declares its own name
trials/0007.json                                              a record of each trial
rasters/baseline.npz  …                                       what trials are compared with
traces/own/  …                                                what the model records, likewise
optuna.journal                                                the sampler's memory; can be rebuilt from trials/
agent/  scratch/                                              the staged agent and the runs in progress
files/                                                        the user's files as they were before the watched run
logs/                                                         what the latest failed runs have printed

All of them are described in docs/reference/study-folder.md.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Protocol, TextIO, TypeVar

from autotune.errors import UsageError
from autotune.settings import Changes
from autotune.store.locks import is_shared
from autotune.store.record_file import read_record, unlike_a_trial, write_record
from autotune.store.records import StudyRecord, Trial


class Recorded(Protocol):
    """A dataclass that says under which name it is written down."""

    RECORD: ClassVar[str]


Record = TypeVar("Record", bound=Recorded)
MARKER = "study.json"
BEFORE_THE_FIRST_STEP = {MARKER, "spent.json"}
LOCK = ".lock"
HALF_WRITTEN = re.compile(r"\..+\.(json|npz)\.\w{8}")
"""What write_atomically leaves when the process is killed."""
CLUSTER = "cluster"
"""What workers share beside the records: see shared.py."""
FOLDERS = ("trials", "rasters", "traces", "scratch")
JOURNAL_LOCK = ".journal.lock"  # is a link that names its holder (store/journal.py)
LOGS = "logs"
OWN = ("*.json", "optuna.journal*", "agent", "files", LOGS, *FOLDERS)


class StudyFolder:
    """Reads and writes the records of one study."""

    shared = False
    """Whether other workers are at work in it."""
    first = True
    """Whether nobody else may have runs in progress."""
    salt = 0
    """What is added to the seed of the sampler: two workers must not propose the same."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: TextIO | None = None
        self._made = False

    @property
    def agent(self) -> Path:
        """Absolute, as `scratch`: the user's command runs in another working directory."""
        return self.path.absolute() / "agent"

    @property
    def scratch(self) -> Path:
        return self.path.absolute() / "scratch"

    @property
    def files(self) -> Path:
        """What is kept of the user's files (launch/files)."""
        return self.path.absolute() / "files"

    @property
    def rasters(self) -> Path:
        return self.path / "rasters"

    @property
    def traces(self) -> Path:
        return self.path / "traces"

    @property
    def winner(self) -> Path:
        """What a run with the best settings has written, where the user wishes to keep that."""
        return self.path / "winner"

    @property
    def baseline_raster(self) -> Path:
        return self.rasters / "baseline.npz"

    def raster_of(self, changes: Changes) -> Path:
        """Where the raster of a whole run with these changes is kept, whichever trial proposed them."""
        words = json.dumps(dict(changes), sort_keys=True, default=str)
        return self.rasters / f"changes-{hashlib.sha256(words.encode()).hexdigest()[:12]}.npz"

    def create(self) -> None:
        """Make the folder and hold it: one driver a study.

        Raises UsageError when another driver holds it or the place is not a study's.
        """
        self.check_place()
        self._made = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        self._hold(fcntl.LOCK_EX)
        self._make_folders()

    def check_place(self) -> None:
        """Raises UsageError when the place is not a study's, nor free for one."""
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path}: is a file, not a study folder", cure="Choose another place with --out.")
        if self.path.is_dir() and any(self.path.iterdir()) and not self._is_ours():
            raise UsageError(
                f"{self.path}: holds files that no study wrote", cure="Choose an empty or new folder with --out."
            )
        self._refuse_links()

    def _hold(self, how: int) -> None:
        """Hold the folder, alone or as one of its workers. Raises UsageError when somebody else keeps us from it."""
        lock = os.open(self.path / LOCK, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
        self._lock = open(lock, "a")  # noqa: SIM115 - held for the life of the study
        try:
            fcntl.flock(self._lock, how | fcntl.LOCK_NB)
        except OSError as error:
            if how == fcntl.LOCK_EX and is_shared(self.path / LOCK):
                here = shlex.quote(str(self.path))
                raise UsageError(
                    f"{self.path}: workers are at work on this study",
                    cure=f"See what they do: python -m autotune status {here}. End them: "
                    f"python -m autotune cancel {here}",
                ) from error
            raise UsageError(
                f"{self.path}: another run works on this study",
                cure="Wait until it ends, or give --out FOLDER for a study of your own.",
            ) from error

    def share(self) -> None:
        """From here on others may work beside this one: what has a single owner is done for now."""

    def take(self) -> bool:
        """Whether what has a single owner is this one's again; else another has it."""
        return True

    def tell(self, doing: str) -> None:
        """What is being done now, for those who watch a worker."""

    def _refuse_links(self) -> None:
        """A study writes into its own folder, and removes what is in there: nothing of it may lie elsewhere.

        Raises UsageError.
        """
        own = [self.path / LOCK, self.path / CLUSTER, *(path for name in OWN for path in self.path.glob(name))]
        links = [path for path in own if path.is_symlink() and not path.name.endswith(JOURNAL_LOCK)]
        if links:
            raise UsageError(
                f"{links[0]}: is a link, and a study writes into its own folder only",
                cure="Remove the link, or choose another folder with --out.",
            )

    def clear(self) -> None:
        """Start afresh: remove what an earlier study left here, and nothing else. Only for the driver that holds it."""
        self._remove()
        self._make_folders()

    def set_aside(self) -> Path | None:
        """Start afresh and delete no result: move what an earlier study has found to a new folder beside this one, and
        return that; None where it had come to nothing. Only for the driver that holds it.
        """
        if not (self.path / "observation.json").is_file() and not self.trials():
            self.clear()
            return None
        shutil.rmtree(self.scratch, ignore_errors=True)
        numbered = (self.path.with_name(f"{self.path.name}.{number}") for number in count(1))
        beside = next(path for path in numbered if not path.exists())
        beside.mkdir()
        found = sorted({path for name in OWN for path in self.path.glob(name)}, key=lambda path: path.name == MARKER)
        for path in found:  # the marker last: what is left by a driver that is killed here is still a study
            path.rename(beside / path.name)
        self._make_folders()
        return beside

    def tidy(self) -> None:
        """Remove what a driver that was killed has left: half-written records, and files of runs that are over."""
        for file in (path for place in (self.path, *map(self.path.joinpath, FOLDERS)) for path in place.glob(".*.*")):
            if file.is_file() and HALF_WRITTEN.fullmatch(file.name):
                file.unlink(missing_ok=True)
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._make_folders()

    def close(self) -> None:
        """Let go of the folder and remove what runs left behind: all of a study that came to nothing."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        if {path.name for path in self.path.glob("*.json")} <= BEFORE_THE_FIRST_STEP and not self.trials():
            self._remove()
            (self.path / LOCK).unlink(missing_ok=True)
            if self._made and not any(self.path.iterdir()):
                self.path.rmdir()
        if self._lock:
            self._lock.close()

    def write(self, record: Recorded) -> None:
        """Write a step's record, whole or not at all."""
        self._write(record.RECORD, record)

    def read(self, kind: type[Record]) -> Record | None:
        """A step's record, or None when the study has not come so far. Raises UsageError for a damaged file."""
        found: Record | None = self._read(kind.RECORD, kind)
        return found

    def kept(self, kind: type[Record], make: Callable[[], Record]) -> Record:
        """A step's record: what an earlier driver found, else what `make` returns, written down."""
        record = self.read(kind)
        if record is None:
            record = make()
            self.write(record)
        return record

    def write_trial(self, trial: Trial) -> None:
        self._write(f"trials/{trial.number:04d}", trial)

    def _write(self, name: str, record: Any) -> None:
        write_record(self.path / f"{name}.json", record)

    def _read(self, name: str, kind: Any) -> Any:
        return read_record(self.path / f"{name}.json", kind)

    def trials(self) -> list[Trial]:
        """All finished trials, by number."""
        known: list[Trial] = []
        self.refresh(known)
        return known

    def refresh(self, known: list[Trial]) -> None:
        """Add the trials that have been finished since, by whomever, in the order of their numbers."""
        there = {trial.number for trial in known}
        names = (file.stem for file in (self.path / "trials").glob("[0-9]*.json"))
        for number in sorted({int(name) for name in names if name.isdecimal()} - there):
            trial = self.trial(number)
            if trial is not None:
                known.append(trial)

    def trial(self, number: int) -> Trial | None:
        """A finished trial."""
        name = f"trials/{number:04d}"
        trial: Trial | None = self._read(name, Trial)
        problem = trial and unlike_a_trial(trial, number)
        if problem:
            raise UsageError(
                f"{self.path / name}.json: is damaged or from another version: {problem}",
                cure="Remove that file to make this trial again, or start afresh with --fresh.",
            )
        return trial

    def _make_folders(self) -> None:
        for name in FOLDERS:
            (self.path / name).mkdir(exist_ok=True)

    def _remove(self) -> None:
        for path in [path for name in OWN for path in self.path.glob(name)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    @contextmanager
    def spending(self, step: str) -> Iterator[None]:
        """Book the wall time of what happens inside under `step`, also when it is interrupted."""
        started = time.monotonic()
        try:
            yield
        finally:
            spent = self.spent()
            self._write("spent", {**spent, step: spent.get(step, 0.0) + time.monotonic() - started})

    def spent(self) -> dict[str, float]:
        """Wall time of each step in seconds, over all sessions."""
        return self._read("spent", dict[str, float]) or {}

    def _is_ours(self) -> bool:
        names = {path.name for path in self.path.iterdir() if not HALF_WRITTEN.fullmatch(path.name)}
        return MARKER in names or names <= {LOCK, CLUSTER, *FOLDERS}


def open_finished(path: Path) -> tuple[StudyFolder, StudyRecord]:
    """An existing study, for reading only. Raises UsageError when there is none."""
    folder = StudyFolder(path)
    study = folder.read(StudyRecord) if path.is_dir() else None
    if study is None:
        raise UsageError(
            f"{path}: no study there", cure="Give the folder that `autotune run` wrote, for example runs/ring."
        )
    return folder, study
