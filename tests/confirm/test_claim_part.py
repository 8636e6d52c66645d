"""Times that were proved on a part of the run: the winner makes one whole run, and loses if its result is another."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from autotune.calibrate.noise import NoiseRecord
from autotune.confirm.confirmation import Confirmer
from autotune.confirm.starts import Starts
from autotune.launch.judge import RunFailed
from autotune.machine import describe_machine
from autotune.measure import Confirmation, Dropped, Noise
from autotune.search.trial import TrialRunner
from autotune.store.folder import StudyFolder
from autotune.store.records import Trial

NOISE = NoiseRecord((), Noise(0.01, 0.02, 10, 0, 0.8), 0.1, pairs=16, advice=(), machine=describe_machine())


class Whole:
    """Judges whole runs; those with these values of the knob are not accepted."""

    def __init__(self, wrong: tuple[int, ...]) -> None:
        self.wrong, self.asked = wrong, list[int]()

    def accepted(self, runner: Any, changes: Any) -> None:
        (value,) = changes.values()
        self.asked.append(value)
        if value in self.wrong:
            raise RunFailed("crashed", "another raster after the part")


def confirmed(rules: ModuleType, folder: Path, wrong: tuple[int, ...]) -> tuple[Confirmation, Whole]:
    clock = rules.Clock(rules.Machine("calm", 0.01, 0.0, 0.0, 0.0), np.random.default_rng(1), load_from=None)
    model, whole = rules.Model(clock, np.array([1.0, 2.0, 1.5])), Whole(wrong)
    runner, trials = TrialRunner(model, rules.verifier(3), rules.SEARCH, NOISE.noise.upper), list[Trial]()
    for number in range(3):
        trials.append(runner.trial(number, {rules.KNOB: number}, trials))
    study = StudyFolder(folder)
    study.create()
    starts: Any = Starts(model, runner.verifier, whole=whole)  # type: ignore[arg-type]
    confirmer = Confirmer(study, starts, rules.CONFIG.confirm, seed=1)
    return confirmer.confirm(trials, NOISE, lambda *_: None, lambda _: None), whole


def test_the_winner_makes_one_whole_run(rules: ModuleType, tmp_path: Path) -> None:
    result, whole = confirmed(rules, tmp_path / "study", ())
    assert (result.winner, whole.asked) == ("1", [1])


def test_a_winner_whose_whole_run_is_another_result_loses_and_the_next_is_asked(
    rules: ModuleType, tmp_path: Path
) -> None:
    result, whole = confirmed(rules, tmp_path / "study", (1,))
    assert (result.winner, whole.asked) == ("2", [1, 2])
    (dropped,) = result.dropped
    assert (dropped.finalist, dropped.reason) == ("1", "in its whole run: another raster after the part")
    assert StudyFolder(tmp_path / "study").read(Confirmation) == result


@pytest.mark.parametrize("wrong", [(1, 2)])
def test_without_a_winner_nothing_is_claimed(rules: ModuleType, tmp_path: Path, wrong: tuple[int, ...]) -> None:
    result, _ = confirmed(rules, tmp_path / "study", wrong)
    assert (result.verdict, len(result.dropped)) == ("no improvement", 2)
    assert all(isinstance(each, Dropped) for each in result.dropped)
