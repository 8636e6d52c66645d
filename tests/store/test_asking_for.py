"""Which trial is next: what waits, what was begun, what is wanted now."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from autotune.search.sampler import make_sampler
from autotune.settings import Params
from autotune.store.opening import open_storage
from autotune.store.optuna import ask_for, ask_next, open_study

FIRST = [Params({"dt": dt}) for dt in (0.025, 0.05, 0.1)]
STEPS = (0.025, 0.05, 0.1, 0.2)


@pytest.fixture(params=["memory", "journal"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> optuna.Study:
    storage = InMemoryStorage() if request.param == "memory" else open_storage(tmp_path)
    return open_study(storage, "ring", 0, make_sampler)


def value(trial: optuna.Trial) -> float:
    chosen: float = trial.suggest_categorical("dt", STEPS)
    return chosen


def test_what_is_wanted_now_is_made_whatever_else_waits(study: optuna.Study) -> None:
    study.enqueue_trial({"dt": 0.1})
    begun = ask_for(study, {"dt": 0.05})
    assert value(begun) == 0.05
    assert [trial.state for trial in study.trials] == [TrialState.WAITING, TrialState.RUNNING]


def test_a_driver_that_died_in_what_is_wanted_has_it_again_and_what_else_it_had_begun_is_failed(
    study: optuna.Study,
) -> None:
    study.ask()
    begun = ask_for(study, {"dt": 0.05})
    assert study.trials[0].state == TrialState.FAIL
    again = ask_for(study, {"dt": 0.05})
    assert (again.number, value(again)) == (begun.number, 0.05)
    assert len(study.trials) == 2


def test_the_first_trials_are_asked_for_one_by_one_and_what_waits_comes_before_them(study: optuna.Study) -> None:
    first = deque(FIRST)
    assert value(ask_next(study, first)) == 0.025
    assert len(study.trials) == 1  # none of them waits in the storage when the search ends
    study.enqueue_trial({"dt": 0.2})
    assert [value(ask_next(study, first)) for _ in range(3)] == [0.2, 0.05, 0.1]
    resumed = deque(FIRST)
    ask_next(study, resumed)
    assert not resumed
    assert len(study.trials) == 5
