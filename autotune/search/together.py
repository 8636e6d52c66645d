"""The search by several workers of one study: each asks, runs and tells as a single driver does, and says beforehand
what it does.

Only one worker at a time asks. It sees what the others have finished and what they are at, so that no two run the same
settings at once, the trial of a dead worker is made again, and no trial is made too many. A trial with settings that
another worker is at waits for that one's answer, while its own worker asks for something else.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import optuna
from optuna.trial import FrozenTrial, TrialState

from autotune.config import SearchConfig
from autotune.plan.space import SearchSpace
from autotune.search.interrupt import to_its_end
from autotune.search.loop import Found, finish, stored, suggest, worth_asking
from autotune.search.recipe import first_trials
from autotune.search.sharing_out import Homes
from autotune.search.stop import Searched, Stopped, Terms, why_stop
from autotune.search.trial import TrialRunner
from autotune.settings import Params
from autotune.store.optuna import ask_next, asked_trial, reconcile
from autotune.store.records import Trial
from autotune.store.shared import Claim, SharedFolder

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 1.0
PAUSES = 10
"""A waiting worker looks again after a tenth of the time that it has waited: it waits a tenth too long at most."""
DRAWS = 200
"""So often other settings are drawn before a worker believes that there are none."""


def search_together(
    study: optuna.Study,
    runner: TrialRunner,
    folder: SharedFolder,
    terms: Terms,
    on_trial: Callable[[Trial], None],
    on_interrupt: Callable[[], object] = lambda: None,
) -> Found:
    """As `search`, for one of the workers; ends when no trial is left to make and nobody makes one."""
    known = folder.trials()
    searched = terms.watch(known, runner.verifier.space)
    asking = Asking(study, runner, folder, terms.limits, known, searched, first_trials(runner.verifier.space))
    with folder.asking():
        asking.look()
    since_s = time.monotonic()
    while not (reason := asking.why_end()):
        claimed = asking.claim()
        if claimed is None:
            pause(since_s)
            continue
        asked, params = claimed
        with to_its_end(on_interrupt):
            trial = replace(runner.trial(asked.number, params, known), worker=folder.name)
            with folder.asking():  # a queue in the kernel; the journal's own lock is polled
                finish(study, folder, known, asked, trial)
                folder.settle(asked.number)
            on_trial(trial)
        since_s = time.monotonic()
    stopped = Stopped(reason, len(known))
    folder.write(stopped)
    return Found(tuple(known), stopped)


class Asking:
    """What a worker does while it alone asks."""

    def __init__(
        self,
        study: optuna.Study,
        runner: TrialRunner,
        folder: SharedFolder,
        limits: SearchConfig,
        known: list[Trial],
        searched: Callable[[], Searched],
        first: Sequence[Params] = (),
    ) -> None:
        self._study, self._runner, self._folder = study, runner, folder
        self._limits, self._known, self._searched = limits, known, searched
        self._homes = Homes(runner.verifier.space)
        self._first = deque(first)
        self._open: set[int] = set()
        self._looked = 0
        """So many trials had been asked for at the last look; those of them that were not finished are open."""
        self._counted = 0
        self._there: set[int] = set()
        """Open ones that are known, told or not."""

    def why_end(self) -> str:
        """The reason to end the search; empty as long as a trial is to be made, or may have to be made again."""
        if not why_stop(self._searched()):
            return ""
        with self._folder.asking():
            claims = self.look()
            return "" if claims else why_stop(self._searched())

    def claim(self) -> tuple[optuna.Trial, Params] | None:
        """The next trial of this worker, which nobody else will make; None while those in progress may be the last, or
        nothing is left to be tried beside them.
        """
        with self._folder.asking():
            claims = self.look()
            return self._waiting(claims, mine=True) or self._new(claims) or self._waiting(claims, mine=False)

    def look(self) -> dict[int, Claim]:
        """What the others have finished and what they are at; trials of dead workers are failed, to be made again. Only
        while asking.
        """
        claims = self._folder.claims()
        if not self._looked:  # the storage may be another one than that of the trials that are there
            self._folder.refresh(self._known)
            self._reconcile(claims)
        if self._finished(self._study.get_trials(deepcopy=False), claims):
            self._reconcile(claims)
        return claims

    def _reconcile(self, claims: dict[int, Claim]) -> None:
        reconcile(self._study, stored(self._known, self._runner.verifier.space), claims.keys())

    def _finished(self, trials: Sequence[FrozenTrial], claims: dict[int, Claim]) -> bool:
        """Add what has been finished since to what is known; whether trials of dead workers are left. A trial is looked
        at until it is finished and no more, for there may be thousands.
        """
        self._open.update(range(self._looked, len(trials)))
        self._there.update(trial.number for trial in self._known[self._counted :])
        self._looked = len(trials)
        dead = False
        for number in sorted(self._open):
            state = trials[number].state
            left = state == TrialState.RUNNING and number not in claims
            if (left or state.is_finished()) and number not in self._there:
                trial = self._folder.trial(number)  # that of a worker that died before it told, too
                self._known += [trial] if trial else []
                self._there.add(number)
            if state.is_finished():
                self._open.discard(number)
            dead |= left
        self._there &= self._open
        self._counted = len(self._known)
        return dead

    def _waiting(self, claims: dict[int, Claim], *, mine: bool) -> tuple[optuna.Trial, Params] | None:
        """A trial that was asked for before, of this worker or of another one that has not come to it."""
        for number, claim in sorted(claims.items()):
            own = claim.worker == self._folder.name
            if not claim.running and own is mine and not _same(claims, number, claim.params):
                self._folder.claim(number, claim.params)
                return asked_trial(self._study, number), claim.params
        return None

    def _new(self, claims: dict[int, Claim]) -> tuple[optuna.Trial, Params] | None:
        """A trial that is asked for now. One with the settings of another that is made waits for its answer, one that
        another worker makes with fewer processes is left to that one; then there is something else to do here.
        """
        space = worth_asking(self._runner.verifier.space, self._known, self._runner)
        while not why_stop(self._searched()) and len(self._known) + len(claims) < self._limits.trials:
            asked = ask_next(self._study, self._first)
            params = self._runner.verifier.space.active(suggest(asked, space))
            same = _same(claims, asked.number, params)
            home = "" if same else self._home(params, claims)
            claims[asked.number] = self._folder.claim(asked.number, params, home, running=not (same or home))
            if not same and not home:
                return asked, params
            instead = self._homes.of(self._folder.name) if home else self._untried(space, claims)
            if instead is None:
                return None
            self._study.enqueue_trial(dict(instead))
        return None

    def _home(self, params: Params, claims: dict[int, Claim]) -> str:
        """The worker that makes this trial with fewer processes, if one does that has nothing waiting yet."""
        if not self._runner.in_sessions:
            return ""
        self._homes.learn(self._known)
        busy = {claim.worker for claim in claims.values() if not claim.running}
        there = (name for name in self._homes.elsewhere(params, self._folder.name, claims) if name not in busy)
        return next(filter(self._folder.workers.alive, there), "")

    def _untried(self, space: SearchSpace, claims: dict[int, Claim]) -> Params | None:
        """Settings that nobody has tried or tries, drawn at random; None if a good many draws find none."""
        draw = Random(max(claims))
        taken = [trial.params for trial in self._known] + [claim.params for claim in claims.values()]
        for _ in range(DRAWS):
            params = space.active(space.chosen(lambda name, domain: draw.choice(domain.values)))
            if params not in taken and not space.refusal(params):
                return params
        return None


def _same(claims: dict[int, Claim], number: int, params: Params) -> bool:
    """Whether a trial that was asked for before this one, and is not finished, has the same settings."""
    return any(other < number and claim.params == params for other, claim in claims.items())


def pause(since_s: float) -> None:
    """Wait a little, by how long this has been waited for already."""
    time.sleep(min(max((time.monotonic() - since_s) / PAUSES, FIRST_PAUSE_S), LONGEST_PAUSE_S))
