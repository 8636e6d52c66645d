"""A sampler sees a bounded history: what it tells good from bad by is all there, and nothing depends on a stop."""

from __future__ import annotations

import random
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers._tpe.sampler import _split_trials
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

import autotune.store.sampling
from autotune.search.sampler import make_sampler
from autotune.store.opening import open_storage
from autotune.store.optuna import CONSTRAINT, open_study
from autotune.store.sampling import BEST, RECENT, History

SPACE = {"dt": CategoricalDistribution((0.025, 0.05, 0.1))}


def study_of(trials: int, seed: int = 1) -> optuna.Study:
    """Accepted ones, rejected ones, failed ones."""
    draw = random.Random(seed)
    study = open_study(InMemoryStorage(), "ring", 0, make_sampler)
    for _ in range(trials):
        study.add_trial(_drawn(draw))
    return study


def _drawn(draw: random.Random) -> FrozenTrial:
    state = draw.choices([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL], [8, 1, 1])[0]
    if state == TrialState.FAIL:
        return create_trial(state=state)
    violation = 2.0 if state == TrialState.PRUNED else max(0.0, draw.uniform(-20, 1))
    value = draw.uniform(0.5, 1.5) if state == TrialState.COMPLETE else None
    params = {"dt": draw.choice(SPACE["dt"].choices)}
    return create_trial(
        state=state, value=value, params=params, distributions=dict(SPACE), constraints={CONSTRAINT: violation}
    )


@pytest.mark.parametrize("trials", [1200, 2000])
def test_a_sampler_sees_so_many_trials_at_most_and_the_good_ones_among_them(trials: int):
    study = study_of(trials)
    everything = study.get_trials(deepcopy=False)
    shown = History().shown(everything)
    assert len(shown) == BEST + RECENT
    assert shown[BEST:] == everything[-RECENT:]
    finished = (TrialState.COMPLETE, TrialState.PRUNED)
    good, _ = _split_trials(study, [t for t in everything if t.state in finished], BEST)
    seen, _ = _split_trials(study, [t for t in shown if t.state in finished], BEST)
    assert [t.number for t in seen] == [t.number for t in good]


def test_a_short_study_is_seen_whole():
    everything = study_of(RECENT).get_trials(deepcopy=False)
    assert History().shown(everything) == everything


def test_what_is_shown_does_not_depend_on_when_it_was_asked_for():
    everything = study_of(1000).get_trials(deepcopy=False)
    history = History()
    for end in range(0, 1001, 7):
        assert history.shown(everything[:end]) == History().shown(everything[:end])


def test_a_trial_that_is_still_at_work_is_seen_however_old_it_is():
    study = open_study(InMemoryStorage(), "ring", 0, make_sampler)
    slow = study.ask({"dt": SPACE["dt"]})
    for trial in study_of(RECENT + 100).get_trials():
        study.add_trial(trial)
    history = History()
    assert history.shown(study.get_trials(deepcopy=False))[0].number == slow.number
    slow.set_constraint(CONSTRAINT, 0.0)
    study.tell(slow, 0.1)
    shown = history.shown(study.get_trials(deepcopy=False))
    assert shown[0].number == slow.number
    assert len(shown) == BEST + RECENT


def test_the_journal_lists_what_optuna_lists_also_what_another_worker_did(tmp_path: Path):
    mine = open_study(open_storage(tmp_path), "ring", 0, make_sampler)
    others = open_study(open_storage(tmp_path), "ring", 0, make_sampler)
    draw = random.Random(3)

    def check() -> None:
        wanted = [None, *([state] for state in TrialState), [TrialState.RUNNING, TrialState.WAITING], finished]
        for study in (mine, others):
            for states in wanted:
                listed = study.get_trials(deepcopy=False, states=states)
                plain = JournalStorage.get_all_trials(study._storage, study._study_id, deepcopy=False, states=states)
                assert listed == plain

    finished = (TrialState.COMPLETE, TrialState.PRUNED)
    for step in range(30):
        study = draw.choice([mine, others])
        if step % 5 == 0:
            study.enqueue_trial({"dt": 0.05})
        asked = study.ask({"dt": SPACE["dt"]})
        if step % 3:
            asked.set_constraint(CONSTRAINT, 0.0)
            study.tell(asked, draw.random())
        elif running := mine.get_trials(deepcopy=False, states=[TrialState.RUNNING])[:-1]:
            mine.tell(running[0].number, state=TrialState.FAIL)
        check()
    optuna.delete_study(study_name="ring", storage=mine._storage)
    with pytest.raises(KeyError):
        mine.get_trials(deepcopy=False)


def test_with_a_bounded_history_too_a_resumed_study_proposes_the_same(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(autotune.store.sampling, "RECENT", 12)
    monkeypatch.setattr(autotune.store.sampling, "BEST", 4)

    def proposed(stops: bool) -> list[float]:
        study = study_of(0)
        values = []
        for number in range(40):
            if stops and number % 7 == 0:
                study = open_study(study._storage, "ring", 0, make_sampler)
            trial = study.ask()
            values.append(trial.suggest_categorical("dt", SPACE["dt"].choices))
            trial.set_constraint(CONSTRAINT, 0.0)
            study.tell(trial, 1.0 + values[-1] + 1e-3 * number)
        return values

    assert proposed(stops=True) == proposed(stops=False)
