"""How far a study has come that several workers make: who is at work, what is done, what is waited for.

Only records and the scheduler's queue are read, at any time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autotune.cluster.schedulers import named
from autotune.cluster.submission import Submission, ask, read_submission
from autotune.errors import UsageError
from autotune.export import places_of
from autotune.measure import Confirmation
from autotune.observe import Observation
from autotune.report.format import counted
from autotune.search.places import Place
from autotune.search.stop import Stopped
from autotune.store.folder import CLUSTER, StudyFolder
from autotune.store.records import Trial
from autotune.store.shared import Claim, read_claims
from autotune.store.workers import Worker, Workers


@dataclass(frozen=True)
class Job:
    """A task of a job array, as the scheduler tells it."""

    name: str
    state: str
    reason: str


@dataclass(frozen=True)
class WorkerStatus:
    """One worker."""

    worker: Worker
    alive: bool
    trials: int
    """How many it has made."""


@dataclass(frozen=True)
class Status:
    """A study of several workers."""

    folder: Path
    submission: Submission
    workers: tuple[WorkerStatus, ...]
    jobs: tuple[Job, ...] | None
    """Those that are in the queue; None where the scheduler is not asked, or does not answer."""
    done: tuple[Trial, ...]
    claims: tuple[Claim, ...]
    """Trials that somebody makes, or will make when another trial is finished."""
    wanted: int
    stopped: str
    """Why the search has ended; empty while it goes on."""
    confirmed: bool
    places: tuple[Place, ...] = ()
    """What was found on each type of node."""

    @property
    def running(self) -> tuple[Claim, ...]:
        """What is made now."""
        return tuple(each for each in self.claims if each.running)

    @property
    def living(self) -> int:
        return sum(each.alive for each in self.workers)

    @property
    def waiting_for(self) -> str:
        """What has to happen next, in words."""
        if self.confirmed:
            return ""
        if not self.living:
            pending = [job for job in self.jobs or () if job.state == "PENDING"]
            if pending:
                reasons = sorted({job.reason for job in pending})
                never = named(self.submission.scheduler).never
                cures = [f"; {reason}: {never[reason]}" for reason in reasons if reason in never]
                return f"a node: {counted(len(pending), 'job')} in the queue ({', '.join(reasons)}){''.join(cures)}"
            return "workers: none is at work; submit it again, and it goes on where it stopped"
        if self.stopped:
            return "the confirmation, which one worker makes"
        if not self.done and not self.claims:
            return "the first worker, which watches your command and calibrates"
        return "trials"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "workers": [
                {**asdict(each.worker), "node_type": each.worker.node_type, "alive": each.alive, "trials": each.trials}
                for each in self.workers
            ],
            "scheduler": self.submission.scheduler,
            "jobs": [asdict(job) for job in self.jobs or ()],
            "trials": {
                "wanted": self.wanted,
                "done": len(self.done),
                "running": [each.number for each in self.running],
                "waiting": [each.number for each in self.claims if not each.running],
            },
            "best": {
                place.node_type: {"trial": place.best, "ratio": place.best_ratio, "changes": place.best_changes}
                for place in self.places
                if place.best is not None
            },
            "places": [asdict(place) for place in self.places],
            "stopped": self.stopped,
            "confirmed": self.confirmed,
            "waiting_for": self.waiting_for,
        }


def status_of(path: Path, known: list[Trial] | None = None) -> Status:
    """How far the study in this folder has come. `known`: its trials as they were when one looked last, to which those
    are added that have been finished since. Raises UsageError when none was submitted there.
    """
    submission, folder = read_submission(path), StudyFolder(path)
    workers, trials = Workers(path / CLUSTER / "workers"), [] if known is None else known
    folder.refresh(trials)
    every = workers.all()
    stopped = folder.read(Stopped)
    made = [trial.worker for trial in trials]
    observation = folder.read(Observation)
    return Status(
        path,
        submission,
        tuple(WorkerStatus(each, not each.ended and workers.alive(each.name), made.count(each.name)) for each in every),
        _jobs(submission),
        tuple(trials),
        tuple(read_claims(path, workers).values()),
        submission.study().search.trials,
        stopped.reason if stopped else "",
        folder.read(Confirmation) is not None,
        places_of(folder, observation, trials) if observation else (),
    )


def _jobs(submission: Submission) -> tuple[Job, ...] | None:
    scheduler = named(submission.scheduler)
    if not scheduler.states or not submission.jobs:
        return None
    try:
        code, said = ask(scheduler, [*scheduler.states, ",".join(submission.jobs)])
    except UsageError:
        return None
    if code:
        return None
    lines = (line.split("|") for line in said.splitlines() if line.count("|") == 2)
    return tuple(Job(*(part.strip() for part in line)) for line in lines)
