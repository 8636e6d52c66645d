"""What a part of the run accepted by its statistics and the whole refuses is no finalist."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from autotune.launch.judge import RunFailed
from autotune.search.second_look import SecondLook
from autotune.search.verified import NotAccepted
from autotune.search.whole_look import MOST, whole_look
from autotune.settings import changes_of
from autotune.store.folder import StudyFolder
from autotune.store.records import Sample, Trial

NOISE, LEAST = 0.01, 0.02


def trial(number: int, ratio: float, statistics: float | None = 0.5, **settings: Any) -> Trial:
    changes = changes_of(settings)
    sample = Sample(1.0, ratio, 1.0)
    return Trial(
        number, changes, "accepted", changes=changes, ratio=ratio, samples=(sample,) * 2, statistics=statistics
    )


@dataclass
class Whole:
    """Judges whole runs: a dt above `most_dt` is not accepted, and CoreNEURON crashes."""

    most_dt: float
    space: Any = field(default_factory=lambda: SimpleNamespace(of_class=lambda *_: ["dt"]))
    asked: list[dict[str, Any]] = field(default_factory=list)

    def accepted(self, runner: object, changes: dict[str, Any]) -> None:
        self.asked.append(dict(changes))
        if "coreneuron" in changes:
            raise RunFailed("crashed", "exit code 1")
        if changes.get("dt", 0.0) > self.most_dt:
            raise NotAccepted("another rate")


def looked(whole: Whole, folder: StudyFolder, *trials: Trial) -> tuple[SecondLook, list[int]]:
    seen = whole_look(whole, object(), folder, trials, NOISE, LEAST)  # type: ignore[arg-type]
    return seen, [each.number for each in seen.left(trials)]


@pytest.fixture
def folder(tmp_path) -> StudyFolder:
    folder = StudyFolder(tmp_path / "study")
    folder.create()
    return folder


LONG, MIDDLE, SHORT = trial(2, 0.3, dt=0.1), trial(3, 0.5, dt=0.05), trial(4, 0.8, dt=0.03)
TWICE = trial(1, 0.28, dt=0.1, nspike=2)


def test_each_step_that_the_whole_run_refuses_is_tried_once_and_nothing_is_run_twice(folder: StudyFolder) -> None:
    whole = Whole(0.04)
    seen, left = looked(whole, folder, TWICE, LONG, MIDDLE, SHORT)
    assert whole.asked == [{"dt": 0.1, "nspike": 2}, {"dt": 0.05}, {"dt": 0.03}]
    assert (left, seen.whole, sorted(seen.refused)) == ([4], 4, [1, 2, 3])
    assert seen.refused[2] == "another rate"
    assert looked(whole, folder, TWICE, LONG, MIDDLE, SHORT) == (seen, left)
    assert len(whole.asked) == 3


def test_a_crash_says_nothing_of_the_step(folder: StudyFolder) -> None:
    whole = Whole(0.2)
    assert looked(whole, folder, trial(1, 0.2, dt=0.1, coreneuron=True), LONG)[1] == [2]
    assert len(whole.asked) == 2


@pytest.mark.parametrize("leading", [trial(1, 0.5, None, node_order=1), trial(1, 0.995, dt=0.05)])
def test_what_is_identical_or_within_chance_makes_no_whole_run(folder: StudyFolder, leading: Trial) -> None:
    whole = Whole(0.0)
    assert looked(whole, folder, leading) == (SecondLook(), [1])
    assert whole.asked == []


def test_there_is_an_end(folder: StudyFolder) -> None:
    whole = Whole(0.0)
    many = [trial(number, 0.5, dt=1.0 + number) for number in range(MOST + 3)]
    assert len(looked(whole, folder, *many)[1]) == 3
    assert len(whole.asked) == MOST
