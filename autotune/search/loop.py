"""The search: Optuna asks, the runner measures, verdict and paired ratio are told back.

The study folder is written before Optuna is told, so that a driver killed in between loses nothing and repeats nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import optuna
from optuna.distributions import CategoricalDistribution

from autotune.plan.space import SearchSpace
from autotune.search.answers import best_ratio
from autotune.search.interrupt import to_its_end
from autotune.search.recipe import first_trials
from autotune.search.second_look import SecondLook
from autotune.search.simplify import Simplified, kept_params, may_pay, simplify, winner
from autotune.search.stop import Stopped, Terms, why_stop
from autotune.search.trial import TrialRunner
from autotune.settings import Params
from autotune.store.folder import StudyFolder
from autotune.store.optuna import (
    StoredTrial,
    ask_for,
    ask_next,
    begun_trial,
    reconcile,
    running_trials,
    tell_measured,
    tell_unmeasured,
)
from autotune.store.records import Trial


@dataclass(frozen=True)
class Found:
    """What a search has found: all trials of the study, earlier drivers' included, and why it ended."""

    trials: tuple[Trial, ...]
    stopped: Stopped


def search(
    study: optuna.Study,
    runner: TrialRunner,
    folder: StudyFolder,
    terms: Terms,
    on_trial: Callable[[Trial], None],
    on_interrupt: Callable[[], object] = lambda: None,
) -> Found:
    """Make trials until there is a reason to stop, which is written down. `on_interrupt` is told of a Ctrl-C that the
    trial in progress is finished for.
    """
    space = runner.verifier.space
    known = folder.trials()
    finished = stored(known, space)
    # A trial in which a driver died is made again under its own number.
    reconcile(study, finished, [number for number in running_trials(study) if number not in finished])
    first = deque(first_trials(space))
    searched = terms.watch(known, space)
    begun = len(running_trials(study))
    while not (reason := why_stop(searched())):
        with to_its_end(on_interrupt):
            asked = (begun_trial(study) if begun > 0 else None) or ask_next(study, first)
            _one(study, runner, folder, known, worth_asking(space, known, runner), on_trial, asked)
        begun -= 1
    stopped = Stopped(reason, len(known))
    folder.write(stopped)
    return Found(tuple(known), stopped)


def simplified(
    study: optuna.Study,
    runner: TrialRunner,
    folder: StudyFolder,
    found: Found,
    on_trial: Callable[[Trial], None],
    noise: float = 0.0,
    minimum_gain: float = 0.0,
    second: SecondLook | None = None,
) -> Found:
    """The same with one trial more, where settings of the best one do not pay: what is left of it without them. What
    each of its settings brings is written down. A best one that cannot be told from the baseline is no finalist, and
    nothing is run for it; nor for what a `second` look has dropped.
    """
    best = winner(second.left(found.trials) if second else found.trials)
    before = folder.read(Simplified)
    if best is None or not may_pay(best, noise, minimum_gain):
        return found
    if before is not None and best.number in (before.trial, before.simple):
        return found
    settings = simplify(runner, best)
    trials = list(found.trials)
    simple = best
    if not all(brings.kept for brings in settings):
        asked = ask_for(study, kept_params(runner, best, settings))
        simple = _one(study, runner, folder, trials, runner.verifier.space, on_trial, asked)
    folder.write(Simplified(best.number, simple.number, settings))
    return replace(found, trials=tuple(trials))


def worth_asking(space: SearchSpace, known: Sequence[Trial], runner: TrialRunner) -> SearchSpace:
    """The space without knobs that need a fresh process for every run and have been tried without a promise: they are
    tried once each, the promising ones together with others.
    """
    for knob in sorted(runner.costly()):
        tried = [trial for trial in known if knob in trial.changes and trial.answered_from is None]
        pays = any(trial.accepted and runner.promising(trial, best_ratio(known)) for trial in tried)
        if tried and not pays and len(space.domains) > 1:
            space = space.without(knob, "tried once: it needs fresh processes and does not pay")
    return space


def _one(
    study: optuna.Study,
    runner: TrialRunner,
    folder: StudyFolder,
    known: list[Trial],
    space: SearchSpace,
    on_trial: Callable[[Trial], None],
    asked: optuna.Trial,
) -> Trial:
    """Run the trial that was asked for, write it down, tell the sampler."""
    trial = runner.trial(asked.number, suggest(asked, space), known)
    finish(study, folder, known, asked, trial)
    on_trial(trial)
    return trial


def finish(study: optuna.Study, folder: StudyFolder, known: list[Trial], asked: optuna.Trial, trial: Trial) -> None:
    """Write a trial down, then tell the sampler."""
    folder.write_trial(trial)
    known.append(trial)
    _tell(study, asked, trial)


def suggest(trial: optuna.Trial, space: SearchSpace) -> Params:
    """A value for each knob that can act beside the ones before it (Optuna's define-by-run)."""
    return space.chosen(lambda name, domain: trial.suggest_categorical(name, domain.values))


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


def _tell(study: optuna.Study, asked: optuna.Trial, trial: Trial) -> None:
    for name, value in attributes(trial).items():
        asked.set_user_attr(name, value)
    ratio = _told_ratio(trial)
    if ratio is None:
        tell_unmeasured(study, asked, trial.violation)
    else:
        tell_measured(study, asked, ratio, trial.violation)


def stored(trials: Sequence[Trial], space: SearchSpace) -> dict[int, StoredTrial]:
    """All that the storage needs to have these trials again, by number."""
    return {trial.number: _stored(trial, space) for trial in trials}


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
