"""The search: Optuna asks, the runner measures, verdict and paired ratio are told back.

The study folder is written before Optuna is told, so that a driver killed in between loses nothing and repeats nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import optuna
from optuna.distributions import CategoricalDistribution

from autotune.config import SearchConfig
from autotune.plan.space import SearchSpace
from autotune.search.recipe import recipe
from autotune.search.runner import TrialRunner
from autotune.store.folder import StudyFolder
from autotune.store.optuna import StoredTrial, reconcile, tell_measured, tell_unmeasured
from autotune.store.records import Settings, Trial

MOST_REPEATS = 15  # so many proposals in a row that were answered before: there is nothing new to find


def search(
    study: optuna.Study,
    runner: TrialRunner,
    folder: StudyFolder,
    limits: SearchConfig,
    on_trial: Callable[[Trial], None],
) -> list[Trial]:
    """Make trials until the number or the time is used up; returns all of the study's trials, earlier sessions'
    included.
    """
    space = runner.space
    reconcile(study, {trial.number: _stored(trial, space) for trial in runner.known})
    for params in recipe(space):
        study.enqueue_trial(params, skip_if_exists=True)
    spent_s = sum(trial.wall_s for trial in runner.known)
    started = time.monotonic()
    while len(runner.known) < limits.trials and not _nothing_new(runner.known):
        if limits.time_budget_s is not None and spent_s + time.monotonic() - started > limits.time_budget_s:
            break
        asked = study.ask()
        trial = runner.trial(asked.number, suggest(asked, space))
        folder.write_trial(trial)
        _tell(study, asked, trial)
        on_trial(trial)
    return runner.known


def suggest(trial: optuna.Trial, space: SearchSpace) -> Settings:
    """A value for each knob that can act beside the ones before it (Optuna's define-by-run)."""
    params: Settings = {}
    for name, domain in space.domains.items():
        if space.acts(name, params):
            params[name] = trial.suggest_categorical(name, domain.values)
    return params


def attributes(trial: Trial) -> dict[str, object]:
    """What the dashboard shows beside a trial's parameters."""
    shown: dict[str, object] = {
        "verdict": trial.verdict,
        "ratio": trial.ratio,
        "settings": trial.changes or "baseline",
        "reason": trial.reason,
        "effective": trial.effective,
        "raster_distance": trial.distance,
        "samples_s": [[sample.before_s, sample.trial_s, sample.after_s] for sample in trial.samples],
        "answered_from": trial.answered_from,
    }
    return {name: value for name, value in shown.items() if value not in (None, "", [])}


def finalists(trials: list[Trial], most: int, noise: float, minimum_gain: float) -> list[Trial]:
    """The best accepted trials, no two of the same effect, that may be faster by the minimum gain.

    `noise` is the upper bound of the spread of one log ratio: a trial may really be that much better than it looked.
    """

    def may_pay(trial: Trial) -> bool:
        if trial.ratio is None or trial.ratio >= 1.0:
            return False
        better = trial.ratio * math.exp(-noise / math.sqrt(len(trial.samples)))
        return better < 1.0 / (1.0 + minimum_gain)

    candidates = [t for t in trials if t.accepted and t.changes and t.answered_from is None and may_pay(t)]
    chosen: list[Trial] = []
    for trial in sorted(candidates, key=lambda t: (t.ratio or 1.0, t.number)):
        if all(trial.effective != other.effective for other in chosen):
            chosen.append(trial)
    return chosen[:most]


def _tell(study: optuna.Study, asked: optuna.Trial, trial: Trial) -> None:
    for name, value in attributes(trial).items():
        asked.set_user_attr(name, value)
    ratio = _told_ratio(trial)
    if ratio is None:
        tell_unmeasured(study, asked, trial.violation)
    else:
        tell_measured(study, asked, ratio, trial.violation)


def _stored(trial: Trial, space: SearchSpace) -> StoredTrial:
    return StoredTrial(
        number=trial.number,
        params=trial.params,
        distributions={name: CategoricalDistribution(space.domains[name].values) for name in trial.params},
        ratio=_told_ratio(trial),
        violation=trial.violation,
        user_attrs=attributes(trial),
    )


def _told_ratio(trial: Trial) -> float | None:
    """The time of a run that did not do what was asked is no measurement of what was asked."""
    return None if trial.verdict in ("crashed", "timeout", "not applicable") else trial.ratio


def _nothing_new(trials: list[Trial]) -> bool:
    last = trials[-MOST_REPEATS:]
    return len(last) == MOST_REPEATS and all(trial.answered_from is not None for trial in last)
