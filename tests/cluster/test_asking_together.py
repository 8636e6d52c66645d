"""What two workers of one study ask for: never the same at once, nobody waits for nothing, each with few processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import NUMERICAL, Domain
from autotune.config import SearchConfig
from autotune.machine import machine_name
from autotune.plan.space import SearchSpace
from autotune.search.loop import finish
from autotune.search.stop import Searched
from autotune.search.together import Asking
from autotune.settings import Params
from autotune.store.optuna import open_study
from autotune.store.records import Sample, Trial
from autotune.store.shared import SharedFolder
from autotune.store.workers import Worker

FACTS = ModelFacts((9, 0, 2), 2, 0.025, 100.0, baseline={"dt": 0.025, "binding": "core"})
STEPS = Domain((0.025, 0.05, 0.1), safety=NUMERICAL)
SPACE = SearchSpace(
    {"dt": STEPS, "binding": Domain(("core", "none"))}, (), Params({"dt": 0.025, "binding": "core"}), FACTS
)
NONE = {"dt": 0.05, "binding": "none"}


@dataclass
class AtWork:
    """A worker, and what it knows."""

    folder: SharedFolder
    study: optuna.Study
    known: list[Trial]
    asking: Asking
    stack: ExitStack

    def claim(self) -> tuple[int, Params] | None:
        claimed = self.asking.claim()
        return (claimed[0].number, claimed[1]) if claimed else None

    def finish(self, number: int, params: Params, **said: Any) -> None:
        space, asked = SPACE, optuna.Trial(self.study, self.study.trials[number]._trial_id)
        samples = (Sample(1.0, 0.9, 1.0, way="session"),)
        trial = Trial(number, params, "accepted", changes=space.changes(params), ratio=0.9, samples=samples, **said)
        with self.folder.asking():
            finish(self.study, self.folder, self.known, asked, trial)
            self.folder.settle(number)

    def make(self, **params: Any) -> int:
        """Ask for these settings, make the trial, tell it."""
        self.study.enqueue_trial(params)
        claimed = self.claim()
        assert claimed is not None
        assert claimed[1] == params
        self.finish(*claimed, worker=self.folder.name)
        return claimed[0]

    def waiting(self) -> dict[int, str]:
        return {number: claim.worker for number, claim in self.folder.claims().items() if not claim.running}


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Any]:
    """`two(sessions)`: two workers of one study."""
    study = open_study(InMemoryStorage(), "ring", 0, RandomSampler)
    with ExitStack() as every:

        def make(
            *, sessions: bool = False, space: SearchSpace = SPACE, trials: int = 30, first: Sequence[Params] = ()
        ) -> tuple[AtWork, AtWork]:
            found = []
            for task in (1, 2):
                stack = every.enter_context(ExitStack())
                folder = SharedFolder(tmp_path / "study", Worker(f"7_{task}", "n1", 1, machine_name()))
                stack.enter_context(folder.joined())
                folder.create()
                folder.share()
                stack.callback(folder.close)
                runner: Any = SimpleNamespace(
                    verifier=SimpleNamespace(space=space), costly=set, in_sessions=sessions, promising=None
                )
                known: list[Trial] = []
                limits = SearchConfig(trials=trials, knobs=tuple(space.domains))
                searched = lambda known=known, limits=limits: Searched(known, 0.0, limits, space, 0.0)  # noqa: E731
                asking = Asking(study, runner, folder, limits, known, searched, first)
                found.append(AtWork(folder, study, known, asking, stack))
            return found[0], found[1]

        yield make


def test_a_worker_asks_for_something_else_while_another_one_runs_the_same(two: Any) -> None:
    one, other = two()
    for _ in range(2):
        one.study.enqueue_trial(NONE)
    running = one.claim()
    assert running == (0, NONE)
    beside = other.claim()
    assert beside is not None
    assert beside[1] != NONE
    assert other.waiting() == {1: other.folder.name}
    one.finish(*running)
    assert other.claim() == (1, NONE)  # which the finished one answers
    assert [trial.params for trial in other.known] == [NONE]


def test_a_trial_that_waits_for_one_whose_worker_dies_is_made(two: Any) -> None:
    one, other = two()
    for _ in range(2):
        one.study.enqueue_trial(NONE)
    assert one.claim() == (0, NONE)
    other.claim()
    assert other.waiting() == {1: other.folder.name}
    one.stack.close()
    assert other.claim() == (1, NONE)
    again = other.claim()  # the dead one's, as number 3, waits for it in turn
    assert other.waiting() == {3: other.folder.name}
    assert again is not None
    assert again[1] != NONE


def test_what_a_dead_worker_has_lost_comes_before_the_first_trials_that_are_left(two: Any) -> None:
    first = [{**NONE, "dt": dt} for dt in (0.025, 0.05, 0.1)]
    one, other = two(first=first)
    assert one.claim() == (0, first[0])
    taken = other.claim()
    assert taken == (1, first[1])
    other.finish(*taken)
    one.stack.close()
    lost = other.claim()
    assert lost is not None
    assert lost[1] == first[0]
    other.finish(*lost)
    left = other.claim()
    assert left is not None
    assert left[1] == first[2]


def test_a_trial_that_was_written_and_not_told_when_its_worker_died_is_known_once(two: Any) -> None:
    one, other = two()
    one.make(dt=0.025, binding="core")
    one.study.enqueue_trial(NONE)
    number, params = one.claim()
    one.folder.write_trial(Trial(number, params, "accepted", changes=SPACE.changes(params), ratio=0.9))
    one.stack.close()
    for _ in range(3):
        other.asking.look()
        assert [trial.number for trial in other.known] == [0, 1]
    assert other.study.trials[1].state == TrialState.COMPLETE
    other.make(dt=0.1, binding="core")
    other.asking.look()
    assert [trial.number for trial in other.known] == [0, 1, 2]


def test_a_storage_that_was_lost_is_made_anew_and_each_trial_known_once(two: Any) -> None:
    one, other = two()
    for step in (0.025, 0.05):
        one.make(dt=step, binding="core")
    other.asking._study = other.study = open_study(InMemoryStorage(), "ring", 0, RandomSampler)
    other.asking.look()  # before anything is asked for, as every worker does
    other.make(dt=0.1, binding="core")
    for _ in range(2):
        other.asking.look()
        assert [trial.number for trial in other.known] == [0, 1, 2]
    assert [trial.params["dt"] for trial in other.study.trials] == [0.025, 0.05, 0.1]


def test_a_worker_waits_where_nothing_else_is_left_to_try(two: Any) -> None:
    few = SearchSpace({"dt": Domain((0.025, 0.05), safety=NUMERICAL)}, (), Params({"dt": 0.025}), FACTS)
    one, other = two(space=few)
    one.make(dt=0.025)
    for _ in range(2):
        one.study.enqueue_trial({"dt": 0.05})
    running = one.claim()
    assert other.claim() is None
    assert other.claim() is None
    one.finish(*running)
    assert other.claim() == (2, {"dt": 0.05})


def test_a_trial_of_a_launch_group_goes_to_the_worker_that_has_its_session(two: Any) -> None:
    one, other = two(sessions=True)
    one.make(dt=0.05, binding="none")
    one.study.enqueue_trial({"dt": 0.1, "binding": "none"})
    beside = other.claim()
    assert beside is not None
    assert beside[1]["binding"] == "core"
    assert other.waiting() == {1: one.folder.name}
    one.study.enqueue_trial({"dt": 0.025, "binding": "none"})
    busy = other.claim()  # the first one has enough to do
    assert busy is not None
    assert busy[1] == {"dt": 0.025, "binding": "none"}
    assert one.claim() == (1, {"dt": 0.1, "binding": "none"})
    assert one.asking.why_end() == ""


@pytest.mark.parametrize("sessions", [True, False])
def test_it_is_made_here_where_that_worker_is_dead_and_where_there_are_no_sessions(two: Any, sessions: bool) -> None:
    one, other = two(sessions=sessions)
    one.make(dt=0.05, binding="none")
    if sessions:
        one.stack.close()
    one.study.enqueue_trial({"dt": 0.1, "binding": "none"})
    assert other.claim() == (1, {"dt": 0.1, "binding": "none"})


def test_a_worker_with_nothing_to_ask_for_takes_what_waits_for_another(two: Any) -> None:
    one, other = two(sessions=True, trials=3)
    one.make(dt=0.05, binding="none")
    one.study.enqueue_trial({"dt": 0.1, "binding": "none"})
    beside = other.claim()
    assert other.waiting() == {1: one.folder.name}
    other.finish(*beside)
    assert other.claim() == (1, {"dt": 0.1, "binding": "none"})
    assert one.claim() is None
    other.finish(1, Params({"dt": 0.1, "binding": "none"}))
    assert one.claim() is None
    assert one.asking.why_end() == other.asking.why_end() == "all 3 trials were made"
