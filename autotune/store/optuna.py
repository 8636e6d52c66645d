"""The Optuna side of a study: where its trials are stored, how they are told, how the storage is set right on resuming.

The study folder is the truth; this storage serves the sampler and the dashboard and can be rebuilt. Must never store a
time that was not measured, and never let a rejected trial pass for a feasible one.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from autotune.errors import UsageError
from autotune.settings import Params
from autotune.store.journal import JournalLost
from autotune.store.opening import ANEW
from autotune.store.sampling import SeededByTrial
from autotune.untrusted import BROKEN

VALUE_NAME = "time ratio to the baseline"
CONSTRAINT = "raster"


@dataclass(frozen=True)
class StoredTrial:
    """A finished trial as the study folder records it: all that the storage needs to have it again.

    `ratio` is the paired time ratio to the baseline, None if nothing was measured; `violation` > 0 is how far the trial
    is from acceptable.
    """

    number: int
    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]
    ratio: float | None
    violation: float
    user_attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reconciled:
    """Numbers of the trials that `reconcile` failed (and enqueued again), told from their record, added from it."""

    failed: tuple[int, ...] = ()
    told: tuple[int, ...] = ()
    added: tuple[int, ...] = ()


def open_study(storage: BaseStorage, name: str, seed: int, sampler: Callable[[int], BaseSampler]) -> optuna.Study:
    """Loads or makes the study `name`: it minimises the paired time ratio under one constraint, the raster's distance.

    `sampler` makes the sampler from a seed (`search.sampler.make_sampler`). Each trial has a seed of its own, drawn
    from `seed` and its number, so that what a study proposes does not depend on when it was stopped and went on.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(storage=storage, study_name=name, direction="minimize", load_if_exists=True)
        _check_stored(study, study.get_trials(deepcopy=False))
    except (JournalLost, OSError):  # the disk's fault, or somebody's who took it away
        raise
    except BROKEN as error:
        raise UsageError(
            f"The storage of the study {name} is damaged.", cure=ANEW, details=f"{type(error).__name__}: {error}"[:500]
        ) from error
    study.sampler = SeededByTrial(sampler, seed)
    if study.metric_names != [VALUE_NAME]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([VALUE_NAME])
    return study


def _check_stored(study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
    """Raise ValueError for what no driver has written, on which the sampler would stumble later."""
    if study.directions != [StudyDirection.MINIMIZE]:
        raise ValueError(f"directions are {study.directions}")
    for number, trial in enumerate(trials):
        if trial.number != number:
            raise ValueError(f"trial {trial.number} in place of {number}")
        for value in (*(trial.values or ()), *trial.constraints.values()):
            if not math.isfinite(value):
                raise ValueError(f"trial {number} has the value {value}")
        for name, distribution in trial.distributions.items():
            if not distribution._contains(distribution.to_internal_repr(trial.params[name])):
                raise ValueError(f"trial {number}: {name} is none of its values")


def delete_study(storage: BaseStorage, name: str) -> None:
    """Deletes the study `name` with all its trials, if it is there; other studies of the storage stay."""
    with suppress(KeyError):
        optuna.delete_study(study_name=name, storage=storage)


def tell_measured(study: optuna.Study, trial: optuna.Trial, ratio: float, violation: float) -> None:
    """Tells a trial that ran to its end: `ratio` to the baseline's time; `violation` <= 0 accepted, > 0 its distance.

    Set the trial's user attributes before: a finished trial cannot be changed.
    """
    _check(ratio, violation)
    trial.set_constraint(CONSTRAINT, violation)
    study.tell(trial, ratio, state=TrialState.COMPLETE)


def tell_unmeasured(study: optuna.Study, trial: optuna.Trial, violation: float) -> None:
    """Tells a trial that crashed or ran into its limit: PRUNED, without a value, `violation` > 0.

    TPE reads it as infeasible; `best_trial` never sees it. Choose a violation above every raster distance, else TPE
    takes it for a near miss.
    """
    _check(None, violation)
    trial.set_constraint(CONSTRAINT, violation)
    study.tell(trial, state=TrialState.PRUNED)


def best_accepted(trials: Iterable[FrozenTrial]) -> FrozenTrial | None:
    """The trial with the lowest ratio among those that were measured and violate nothing; None if there is none."""
    accepted = [t for t in trials if t.state == TrialState.COMPLETE and is_feasible(t)]
    return min(accepted, key=lambda t: t.values[0], default=None)


def is_feasible(trial: FrozenTrial) -> bool:
    """Whether none of a trial's constraints is violated."""
    return all(violation <= 0 for violation in trial.constraints.values())


def reconcile(study: optuna.Study, finished: Mapping[int, StoredTrial], running: Collection[int] = ()) -> Reconciled:
    """Brings the storage in line with the study folder's finished trials (by number), before a study goes on.

    A trial that is still RUNNING is told from its record. Without one its process died in it: it is told FAIL, and its
    parameters are enqueued for a new trial. A record that the storage lacks is added under its own number; a number
    between that has no record is filled with a failed trial. Enqueued trials stay enqueued.
    Those that are `running` in other processes are left alone; call it only when nobody else may begin one.
    """
    failed, told, added = [], [], []
    interrupted = []
    for frozen in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        record = finished.get(frozen.number)
        if frozen.number in running:
            continue
        if record is None:
            study.tell(frozen.number, state=TrialState.FAIL)
            failed.append(frozen.number)
            interrupted.append(frozen.system_attrs.get("fixed_params") or frozen.params)
        else:
            _tell_record(study, optuna.Trial(study, frozen._trial_id), record)
            told.append(frozen.number)
    n_stored = len(study.get_trials(deepcopy=False))
    for number in range(n_stored, max(finished, default=-1) + 1):
        if number in finished:
            study.add_trial(_frozen(finished[number]))
            added.append(number)
        else:
            study.add_trial(optuna.trial.create_trial(state=TrialState.FAIL))
    for params in filter(None, interrupted):
        study.enqueue_trial(params)
    return Reconciled(tuple(failed), tuple(told), tuple(added))


def running_trials(study: optuna.Study) -> list[int]:
    """Numbers of the trials that were begun and not told."""
    return [trial.number for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING])]


def ask_next(study: optuna.Study, first: deque[Params]) -> optuna.Trial:
    """The next trial: what waits to be made, else the next of the `first` ones that nobody has asked for, else what the
    sampler proposes. So what a dead worker has lost comes before what nobody has begun.
    """
    while first and not study.get_trials(deepcopy=False, states=[TrialState.WAITING]):
        study.enqueue_trial(first.popleft(), skip_if_exists=True)
    return study.ask()


def begun_trial(study: optuna.Study) -> optuna.Trial | None:
    """The trial in which an earlier driver died, to be made under the number that it has; None where there is none."""
    running = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    return optuna.Trial(study, running[0]._trial_id) if running else None


def asked_trial(study: optuna.Study, number: int) -> optuna.Trial:
    """A trial that was begun, by whomever, to be told."""
    return optuna.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)


def ask_for(study: optuna.Study, params: Mapping[str, Any]) -> optuna.Trial:
    """A trial with these parameters, whatever else waits; that of a driver that died in it, if there is one. Another
    trial that was begun and not told is failed.
    """
    there = study.get_trials(deepcopy=False, states=[TrialState.RUNNING, TrialState.WAITING])
    same = [trial for trial in there if trial.system_attrs.get("fixed_params") == dict(params)]
    for trial in there:
        if trial.state == TrialState.RUNNING and trial not in same:
            study.tell(trial.number, state=TrialState.FAIL)
    if not same:
        study.enqueue_trial(dict(params))
        same = study.get_trials(deepcopy=False, states=[TrialState.WAITING])[-1:]
    (trial,) = same[:1]
    if trial.state == TrialState.WAITING:
        study._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
    return asked_trial(study, trial.number)


def _tell_record(study: optuna.Study, trial: optuna.Trial, record: StoredTrial) -> None:
    _check(record.ratio, record.violation)
    for key, value in record.user_attrs.items():
        trial.set_user_attr(key, value)
    if CONSTRAINT not in trial.constraints:  # else the process died between setting it and telling
        trial.set_constraint(CONSTRAINT, record.violation)
    state = TrialState.PRUNED if record.ratio is None else TrialState.COMPLETE
    study.tell(trial, record.ratio, state=state)


def _frozen(record: StoredTrial) -> FrozenTrial:
    _check(record.ratio, record.violation)
    return optuna.trial.create_trial(
        state=TrialState.PRUNED if record.ratio is None else TrialState.COMPLETE,
        value=record.ratio,
        params=dict(record.params),
        distributions=dict(record.distributions),
        user_attrs=dict(record.user_attrs),
        constraints={CONSTRAINT: record.violation},
    )


def _check(ratio: float | None, violation: float) -> None:
    """Keeps out what would poison the sampler, or the dashboard's JSON, which has no word for infinity."""
    if ratio is not None and not (math.isfinite(ratio) and ratio > 0):
        raise ValueError(f"a time ratio is finite and positive, not {ratio!r}")
    if not math.isfinite(violation):
        raise ValueError(f"a violation is finite, not {violation!r}")
    if ratio is None and violation <= 0:
        raise ValueError(f"a trial without a measured time cannot be accepted (violation {violation!r})")
