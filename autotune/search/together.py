"""The search by several workers of one study: each asks, runs and tells as a single driver does, and says beforehand
what it does.

Only one worker at a time asks. It sees what the others have finished and what they are at, so that no two run the same
settings at once, the trial of a dead worker is made again, and no trial is made too many.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import optuna

from autotune.config import SearchConfig
from autotune.search.interrupt import to_its_end
from autotune.search.loop import Found, finish, stored, suggest, worth_asking
from autotune.search.recipe import first_trials
from autotune.search.stop import Searched, Stopped, why_stop
from autotune.search.trial import TrialRunner
from autotune.settings import Params
from autotune.store.optuna import reconcile, running_trials
from autotune.store.records import Trial
from autotune.store.shared import Claim, SharedFolder

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 1.0
PAUSES = 10
"""A waiting worker looks again after a tenth of the time that it has waited: it waits a tenth too long at most."""


def search_together(
    study: optuna.Study,
    runner: TrialRunner,
    folder: SharedFolder,
    limits: SearchConfig,
    on_trial: Callable[[Trial], None],
    visible_gain: float = 0.0,
    noise: float | None = None,
    wanted_gain: float = 0.05,
    on_interrupt: Callable[[], object] = lambda: None,
) -> Found:
    """As `search`, for one of the workers; ends when no trial is left to make and nobody makes one."""
    known = folder.trials()
    spent_s, started = sum(trial.wall_s for trial in known), time.monotonic()

    def searched() -> Searched:
        seconds = spent_s + time.monotonic() - started
        return Searched(known, seconds, limits, runner.verifier.space, visible_gain, noise, wanted_gain)

    asking = _Asking(study, runner, folder, limits, known, searched)
    with folder.asking():
        asking.look()
        for params in first_trials(runner.verifier.space):
            study.enqueue_trial(params, skip_if_exists=True)
    since_s = time.monotonic()
    while not (reason := asking.why_end()):
        claimed = asking.claim()
        if claimed is None:
            pause(since_s)
            continue
        asked, params = claimed
        with to_its_end(on_interrupt):
            asking.wait_for_the_same(asked.number, params)
            trial = replace(runner.trial(asked.number, params, known), worker=folder.name)
            with folder.asking():  # a queue in the kernel; the journal's own lock is polled
                finish(study, folder, known, asked, trial)
                folder.settle(asked.number)
            on_trial(trial)
        since_s = time.monotonic()
    stopped = Stopped(reason, len(known))
    folder.write(stopped)
    return Found(tuple(known), stopped)


@dataclass(frozen=True)
class _Asking:
    """What a worker does while it alone asks."""

    study: optuna.Study
    runner: TrialRunner
    folder: SharedFolder
    limits: SearchConfig
    known: list[Trial]
    searched: Callable[[], Searched]

    def why_end(self) -> str:
        """The reason to end the search; empty as long as a trial is to be made, or may have to be made again."""
        if not why_stop(self.searched()):
            return ""
        with self.folder.asking():
            claims = self.look()
            return "" if claims else why_stop(self.searched())

    def claim(self) -> tuple[optuna.Trial, Params] | None:
        """The next trial, which nobody else will make; None while those in progress may be the last."""
        with self.folder.asking():
            claims = self.look()
            if why_stop(self.searched()) or len(self.known) + len(claims) >= self.limits.trials:
                return None
            asked = self.study.ask()
            space = self.runner.verifier.space
            params = space.active(suggest(asked, worth_asking(space, self.known, self.runner)))
            self.folder.claim(asked.number, params)
            return asked, params

    def look(self) -> dict[int, Claim]:
        """What the others have finished and what they are at; trials of dead workers are failed, to be made again. Only
        while asking.
        """
        # In this order: what is finished meanwhile is then no trial of a dead worker.
        claims = self.folder.claims()
        self.folder.refresh(self.known)
        left = any(number not in claims for number in running_trials(self.study))
        missing = max((trial.number for trial in self.known), default=-1) >= len(self.study.get_trials(deepcopy=False))
        if left or missing:
            reconcile(self.study, stored(self.known, self.runner.verifier.space), claims.keys())
        return claims

    def wait_for_the_same(self, number: int, params: Params) -> None:
        """Another worker that was first with these settings answers this trial, if it lives."""
        since_s = time.monotonic()
        while any(other < number and claim.params == params for other, claim in self.folder.claims().items()):
            pause(since_s)
        self.folder.refresh(self.known)


def pause(since_s: float) -> None:
    """Wait a little, by how long this has been waited for already."""
    time.sleep(min(max((time.monotonic() - since_s) / PAUSES, FIRST_PAUSE_S), LONGEST_PAUSE_S))
