"""A study that is made longer confirms again, by a stricter test, and only what is new. On the simulated clock."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from autotune.search.runner import TrialRunner

import autotune.pipeline
from autotune.config import StudyConfig
from autotune.measure import Confirmation, alpha_after
from autotune.store.folder import StudyFolder
from autotune.store.records import ConfirmationLog

ALPHA = StudyConfig(name="again", command=("nothing",)).confirm.alpha


class Silent:
    """A progress that shows nothing, or stops the driver at the `stop`th pair."""

    def __init__(self, stop: int = 0) -> None:
        self.stop, self.pairs = stop, 0

    def confirming(self, *_: Any) -> None:
        """Nothing to show."""

    def confirmed(self, _: Any) -> None:
        self.pairs += 1
        if self.pairs == self.stop:
            raise KeyboardInterrupt


class Study:
    """A study on a machine with noise of 1 %; trial number n is `speedups[n]` times as fast as the baseline."""

    def __init__(self, rules: ModuleType, path: Path, speedups: list[float]) -> None:
        clock = rules.Clock(rules.Machine("calm", 0.01, 0.0, 0.0, 0.0), np.random.default_rng(1), load_from=None)
        model = rules.Model(clock, np.array(speedups))
        self.config, self.knob, self.clock = rules.CONFIG, rules.KNOB, clock
        self.trials = TrialRunner(model, rules._space(len(speedups)), rules.AllRight(), rules.SEARCH, 0.02)
        self.folder = StudyFolder(path)
        self.folder.create()

    def search(self, *numbers: int) -> None:
        for number in numbers:
            self.trials.trial(number, {self.knob: number})

    def confirm(self, stop: int = 0) -> Confirmation:
        return autotune.pipeline._confirm(self.folder, self.trials, self.config, 10, Silent(stop))

    def earlier(self) -> int:
        log = self.folder.read("confirming", ConfirmationLog)
        assert log is not None
        return log.earlier


@pytest.fixture
def study(rules: ModuleType, tmp_path: Path) -> Study:
    study = Study(rules, tmp_path, [1.0, 1.2, 1.0, 1.5, 1.4])
    study.search(0, 1)
    return study


def test_other_finalists_meet_half_the_alpha_of_those_before(study: Study):
    assert study.confirm().alpha == ALPHA
    study.search(2, 3)
    again = study.confirm()
    assert (again.alpha, again.winner) == (ALPHA / 2, "3")
    assert "alpha = 0.005" in again.test
    study.search(4)
    assert study.confirm().alpha == ALPHA / 4
    assert study.earlier() == 2


def test_the_same_finalists_are_no_new_question(study: Study):
    first = study.confirm()
    study.search(2)
    runs = study.clock.runs
    assert study.confirm() == first
    assert study.clock.runs == runs
    assert study.earlier() == 0


def test_an_interrupted_confirmation_was_asked_too(study: Study):
    with pytest.raises(KeyboardInterrupt):
        study.confirm(stop=1)
    study.search(2, 3)
    assert study.confirm().alpha == ALPHA / 2


def test_an_interrupted_second_confirmation_goes_on_at_its_own_alpha(study: Study):
    study.confirm()
    study.search(2, 3)
    with pytest.raises(KeyboardInterrupt):
        study.confirm(stop=3)
    runs = study.clock.runs
    whole = study.confirm()
    assert whole.alpha == ALPHA / 2
    assert study.clock.runs - runs == 2 * (len(whole.samples) - 3)


def test_all_confirmations_together_make_fewer_false_claims_than_twice_alpha():
    assert sum(alpha_after(earlier, ALPHA) for earlier in range(40)) <= 2 * ALPHA


def test_however_often_it_is_asked_there_are_pairs_enough_to_prove_something(study: Study):
    study.folder.write("confirming", ConfirmationLog(("7",), 10, ({"reason": "gone"},), earlier=4))
    confirmation = study.confirm()
    assert confirmation.alpha == ALPHA / 32
    assert confirmation.pairs > 10
    assert confirmation.verdict == "improved"
