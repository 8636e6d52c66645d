"""A study that is made longer confirms again, by a stricter test, and only what is new. On the simulated clock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from autotune.calibrate.noise import NoiseRecord
from autotune.config import StudyConfig
from autotune.confirm.confirmation import ConfirmationLog, Confirmer
from autotune.confirm.starts import Starts
from autotune.machine import describe_machine
from autotune.measure import Confirmation, Noise, alpha_after
from autotune.search.trial import TrialRunner
from autotune.store.folder import StudyFolder
from autotune.store.records import Trial

ALPHA = StudyConfig(name="again", command=("nothing",)).confirm.alpha
NOISE = NoiseRecord((), Noise(0.01, 0.02, 10, 0, 0.8), 0.1, pairs=16, advice=(), machine=describe_machine())


class Stopping:
    """Stops the driver at the `stop`th pair; 0: never."""

    def __init__(self, stop: int) -> None:
        self.stop, self.pairs = stop, 0

    def __call__(self, _: Any) -> None:
        self.pairs += 1
        if self.pairs == self.stop:
            raise KeyboardInterrupt


class Study:
    """A study on a machine with noise of 1 %; trial number n is `speedups[n]` times as fast as the baseline."""

    def __init__(self, rules: ModuleType, path: Path, speedups: list[float]) -> None:
        clock = rules.Clock(rules.Machine("calm", 0.01, 0.0, 0.0, 0.0), np.random.default_rng(1), load_from=None)
        model = rules.Model(clock, np.array(speedups))
        self.knob, self.clock = rules.KNOB, clock
        self.runner = TrialRunner(model, rules.verifier(len(speedups)), rules.SEARCH, NOISE.noise.upper)
        self.trials: list[Trial] = []
        self.folder = StudyFolder(path)
        self.folder.create()
        limits = rules.CONFIG.confirm
        starts = Starts(model, self.runner.verifier)
        self.confirmer = Confirmer(self.folder, starts, limits, rules.CONFIG.search.seed)

    def search(self, *numbers: int) -> None:
        for number in numbers:
            self.trials.append(self.runner.trial(number, {self.knob: number}, self.trials))

    def confirm(self, stop: int = 0) -> Confirmation:
        return self.confirmer.confirm(self.trials, NOISE, lambda *_: None, Stopping(stop))

    def on(self, node_type: str) -> None:
        self.confirmer = replace(self.confirmer, node_type=node_type)

    def earlier(self) -> int:
        log = self.folder.read(ConfirmationLog)
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


def test_an_interrupted_one_that_goes_on_on_another_type_of_node_is_asked_anew(study: Study):
    """Pairs of unlike nodes prove nothing together."""
    study.on("this, 4 cores")
    with pytest.raises(KeyboardInterrupt):
        study.confirm(stop=2)
    study.on("that, 8 cores")
    runs = study.clock.runs
    whole = study.confirm()
    assert (whole.alpha, whole.node_type) == (ALPHA / 2, "that, 8 cores")
    assert study.clock.runs - runs == 2 * len(whole.samples)
    study.on("this, 4 cores")
    assert study.confirm() == whole  # it has its answer


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


def test_however_often_it_is_asked_a_large_gain_can_be_proved(study: Study):
    study.folder.write(ConfirmationLog(("7",), 10, ({"reason": "gone"},), earlier=4))
    confirmation = study.confirm()
    assert confirmation.alpha == ALPHA / 32
    assert confirmation.pairs >= 4
    assert confirmation.verdict == "improved"
