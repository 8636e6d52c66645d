"""How a sampler is asked: each trial has a seed of its own, and what is shown of the trials before is bounded.

Optuna's samplers read every earlier trial at each proposal, so that a trial costs the more the more there were. They
are shown the best ones, by which a tree-structured Parzen estimator tells good from bad, and the last ones. What is
shown must depend on the trials alone, never on when a study was stopped and went on.
"""

from __future__ import annotations

import copy
import math
from bisect import insort
from collections.abc import Callable, Container, Sequence
from typing import Any, cast

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

BEST = 25
"""So many at most are good ones to Optuna's estimator, however many trials there are (`default_gamma`)."""
RECENT = 400
"""Older ones count for little: Optuna's estimator weighs a trial the less the older it is (`default_weights`)."""


class SeededByTrial(BaseSampler):
    """A new sampler for each trial, whose seed says which trial it is, and which sees a bounded `History`."""

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        self._make, self._seed = make, seed
        self._of: tuple[int, BaseSampler] = (0, self._seeded(0))
        self._history = History()
        self._shown: optuna.Study | None = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler(trial).infer_relative_search_space(self._seen(study), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler(trial).sample_relative(self._seen(study), trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._sampler(trial).sample_independent(self._seen(study), trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._of = (trial.number, self._seeded(trial.number))
        self._shown = None
        self._of[1].before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._sampler(trial).after_trial(study, trial, state, values)

    def _seen(self, study: optuna.Study) -> optuna.Study:
        if self._shown is None:
            trials = self._history.shown(study.get_trials(deepcopy=False))
            self._shown = cast(optuna.Study, _Shown(study, trials))
        return self._shown

    def _sampler(self, trial: FrozenTrial) -> BaseSampler:
        if self._of[0] != trial.number:
            self._of, self._shown = (trial.number, self._seeded(trial.number)), None
        return self._of[1]

    def _seeded(self, number: int) -> BaseSampler:
        return self._make(int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0]))


class History:
    """The last `RECENT` trials of a study; of those before, the `BEST` best and what is still at work. Looks at each
    trial once.
    """

    def __init__(self) -> None:
        self._passed = 0
        self._unfinished: list[int] = []
        self._best: list[tuple[float, float, int]] = []

    def shown(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """What of these trials, all that the study has by number, the sampler is shown, by number."""
        begin = max(len(trials) - RECENT, self._passed)
        passing = [*self._unfinished, *range(self._passed, begin)]
        self._passed, self._unfinished = begin, []
        for number in passing:
            if not trials[number].state.is_finished():
                self._unfinished.append(number)
            elif trials[number].state != TrialState.FAIL:
                insort(self._best, (*_rank(trials[number]), number))
        del self._best[BEST:]
        before = sorted([*self._unfinished, *(number for *_, number in self._best)])
        return [*(trials[number] for number in before), *trials[begin:]]


def _rank(trial: FrozenTrial) -> tuple[float, float]:
    """Optuna's order: what violates nothing by its value, then the others by their violation."""
    violation = sum(violation for violation in trial.constraints.values() if violation > 0)
    return violation, trial.values[0] if trial.state == TrialState.COMPLETE else math.inf


class _Shown:
    """A study of which a sampler sees these trials only."""

    def __init__(self, study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
        self._study, self._trials_shown = study, trials

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        seen = [trial for trial in self._trials_shown if states is None or trial.state in states]
        return copy.deepcopy(seen) if deepcopy else seen

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return self.get_trials(deepcopy, states)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)
