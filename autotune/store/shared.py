"""A study folder that several workers share: one lock for the steps that have a single owner, a claim for each trial.

cluster/workers/   a record and a lock of each worker
cluster/claims/    0007.json: the trial that a worker makes now
cluster/*.lock     whose turn it is: to make the steps that have one owner, to ask for the next trial

A claim holds as long as its worker lives. Must never decide what is tried: it says who does it.
"""

from __future__ import annotations

import fcntl
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pydantic import TypeAdapter

from autotune.agent.protocol import write_text
from autotune.errors import AutotuneError, UsageError
from autotune.settings import Params
from autotune.store.disk import unreadable
from autotune.store.folder import CLUSTER, StudyFolder
from autotune.store.locks import check_locks
from autotune.store.workers import MOST_BYTES, Membership, Worker, Workers
from autotune.untrusted import bytes_of, first_problem

CLAIMS = f"{CLUSTER}/claims"


@dataclass(frozen=True)
class Claim:
    """A worker makes this trial, now or next."""

    number: int
    params: Params
    worker: str
    running: bool = True
    """False: it waits for another trial, of the same settings, or for its worker."""


_CLAIM = TypeAdapter(Claim)


class SharedFolder(StudyFolder):
    """The folder of a study, for one of its workers."""

    shared = True

    def __init__(self, path: Path, worker: Worker) -> None:
        super().__init__(path)
        self.workers = Workers(path / CLUSTER / "workers")
        self.salt = zlib.crc32(worker.name.encode())
        self._worker = worker
        self._membership: Membership | None = None
        self._turn: TextIO | None = None
        self._claims = path / CLAIMS

    @property
    def name(self) -> str:
        """Of this worker."""
        return self._worker.name

    @property
    def scratch(self) -> Path:
        """Of this worker alone."""
        return super().scratch / self._worker.name

    def create(self) -> None:
        """Wait for the turn to begin, which share() hands on.

        Raises UsageError when a driver that wants the study for itself holds it.
        """
        self._refuse_links()
        self._hold(fcntl.LOCK_SH)
        self.tell("waits for its turn to begin")
        self._turn = (self.path / CLUSTER / "steps.lock").open("w")
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        self.first = not any(other.begun for other in self.others())
        if self.first:
            shutil.rmtree(super().scratch, ignore_errors=True)
        self._make_folders()
        self.scratch.mkdir(parents=True, exist_ok=True)
        if self._membership:
            self._membership.tell(begun=True)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Be one of the workers of the study, as long as the context lasts. Raises UsageError where a folder cannot be
        shared.
        """
        check_locks(self.path / CLUSTER)
        self.workers.check_between_machines()
        self._claims.mkdir(parents=True, exist_ok=True)
        self._membership = self.workers.join(self._worker)
        why = "interrupted"
        try:
            yield
            why = "done"
        except AutotuneError as error:
            why = error.message
            raise
        finally:
            self._membership.leave(why)

    def others(self) -> list[Worker]:
        """The other workers that are alive."""
        return [other for other in self.workers.living() if other.name != self._worker.name]

    def tell(self, doing: str) -> None:
        """For those who watch."""
        if self._membership:
            self._membership.tell(doing=doing)

    def share(self) -> None:
        assert self._turn is not None
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def take(self) -> bool:
        assert self._turn is not None
        with suppress(BlockingIOError):
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def close(self) -> None:
        """What this one's runs have left is removed, and what those of dead workers have."""
        living = {other.name for other in self.others()}
        for left in super().scratch.glob("*"):
            if left.name not in living:
                shutil.rmtree(left, ignore_errors=True)
        for lock in (self._turn, self._lock):
            if lock:
                lock.close()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Only one worker at a time looks at who makes what, and asks for the next trial."""
        with (self.path / CLUSTER / "asking.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def claim(self, number: int, params: Params, worker: str = "", *, running: bool = True) -> Claim:
        """The trial is that of `worker`, or of this one, which makes it now if it is `running`. Only while asking."""
        claim = Claim(number, params, worker or self.name, running)
        write_text(self._claim(number), _CLAIM.dump_json(claim).decode(), lasting=False)
        if running:
            self.tell(f"trial {number}")
        return claim

    def settle(self, number: int) -> None:
        """The trial is told; it is nobody's any more."""
        self._claim(number).unlink(missing_ok=True)

    def claims(self) -> dict[int, Claim]:
        """The trials that living workers make now, by number; claims of dead ones do not count."""
        return read_claims(self.path, self.workers)

    @contextmanager
    def spending(self, step: str) -> Iterator[None]:
        """Book the wall time of a step: of the worker that it took longest, as they work at the same time."""
        started = time.monotonic()
        self.tell(step)
        try:
            yield
        finally:
            with self.asking():
                spent = self.spent()
                self._write("spent", {**spent, step: max(spent.get(step, 0.0), time.monotonic() - started)})

    def _claim(self, number: int) -> Path:
        return self._claims / f"{number:04d}.json"


def read_claims(study: Path, workers: Workers) -> dict[int, Claim]:
    """The trials of the study in this folder that living workers make now, by number. Raises UsageError for a damaged
    claim: whose trial it is, nobody could say.
    """
    found = {}
    for file in (study / CLAIMS).glob("[0-9]*.json"):
        try:
            claim = _CLAIM.validate_json(bytes_of(file, MOST_BYTES))
            if file.stem != f"{claim.number:04d}":
                raise ValueError(f"it claims trial {claim.number}")
        except FileNotFoundError:  # settled a moment ago
            continue
        except OSError as error:
            raise unreadable(file, error) from error
        except ValueError as error:
            raise UsageError(
                f"{file}: is damaged or from another version: {first_problem(error)}",
                cure="Remove that file when no worker is at work; its trial is then made again.",
            ) from error
        if workers.alive(claim.worker):
            found[claim.number] = claim
    return found
