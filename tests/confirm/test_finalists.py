"""Which trials meet the baseline again."""

from __future__ import annotations

from typing import Any

import pytest

from autotune.confirm.finalists import finalists
from autotune.search.loop import Found, simplified
from autotune.search.simplify import Simplified
from autotune.search.stop import Stopped
from autotune.search.trial import TrialRunner
from autotune.settings import changes_of
from autotune.store.folder import StudyFolder
from autotune.store.records import Sample, Trial


def trial(number: int, ratio: float, **settings: Any) -> Trial:
    changes = changes_of(settings)
    samples = (Sample(ratio, 1.0, 1.0),)
    return Trial(number, changes, "accepted", effective=changes, changes=changes, ratio=ratio, samples=samples)


TRIALS = [trial(0, 1.0), trial(1, 0.42, dt=0.05, nspike=2), trial(2, 0.45, dt=0.05), trial(3, 0.6, node_order=1)]


def names(*trials: Trial) -> list[int]:
    return [each.number for each in trials]


def test_the_most_promising_come_first_and_the_baseline_never() -> None:
    assert names(*finalists(TRIALS, 5, 0.01, 0.02)) == [1, 2, 3]
    assert names(*finalists(TRIALS, 1, 0.01, 0.02)) == [1]
    assert names(*finalists(TRIALS, 5, 0.35, 0.02)) == [1, 2]  # the third cannot be told from chance


def test_a_winner_that_was_simplified_stands_as_what_was_kept_of_it() -> None:
    assert names(*finalists(TRIALS, 5, 0.01, 0.02, Simplified(trial=1, simple=2))) == [2, 3]
    assert names(*finalists(TRIALS, 5, 0.01, 0.02, Simplified(trial=1, simple=1))) == [1, 2, 3]
    rejected = [*TRIALS, Trial(4, changes_of({}), "diverged")]
    assert names(*finalists(rejected, 5, 0.01, 0.02, Simplified(trial=1, simple=4))) == [1, 2, 3]
    again = Trial(5, TRIALS[2].params, "accepted", changes=TRIALS[2].changes, ratio=0.45, answered_from=2)
    assert names(*finalists([*TRIALS, again], 5, 0.01, 0.02, Simplified(trial=1, simple=5))) == [2, 3]


@pytest.mark.parametrize(("noise", "asked"), [(0.001, True), (0.05, False)])
def test_nothing_is_run_to_simplify_what_cannot_be_told_from_the_baseline(rules, tmp_path, noise, asked) -> None:
    """No study, no runner of sessions: without a promise neither is needed."""
    folder = StudyFolder(tmp_path / "study")
    folder.create()
    runner = TrialRunner(None, rules.verifier(2))  # type: ignore[arg-type]
    best = trial(1, 0.95, nspike=2, bin_queue=True)
    found = Found((trial(0, 1.0), best), Stopped("", 2))
    assert simplified(None, runner, folder, found, lambda _: None, noise, 0.02) == found  # type: ignore[arg-type]
    assert (folder.read(Simplified) is not None) == asked
