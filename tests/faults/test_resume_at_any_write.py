"""A driver that dies before or after any of its writes: the study that goes on is the one that was never stopped."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_study import ScriptedStudy, contents

from autotune.launch.run import FreshRunner

IN_CI = 12


@pytest.fixture(scope="module")
def scripted(make_study: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedStudy]:
    folder = tmp_path_factory.mktemp("scripted")
    study = make_study(
        folder / "ring",
        "{python} faulty.py",
        "faulty.py",
        search={"trials": 9, "knobs": ["self_queue", "dt"], "repeats": 1},
        run={"resident": "never", "workspace": "in place"},
        accept={"window_ms": 5.0},
    )
    with pytest.MonkeyPatch.context() as patch:
        machine = ScriptedStudy(study, FreshRunner._once, patch)
        machine.whole(folder / "with two real runs")
        yield machine


@pytest.fixture(scope="module")
def unbroken(scripted: ScriptedStudy, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, str]]:
    """The writes of a study that nobody stops, and what its folder says at the end."""
    out = tmp_path_factory.mktemp("unbroken") / "out"
    return scripted.writes(out), contents(out)


def points(writes: int, some: int | None) -> list[tuple[int, bool]]:
    """Where to die: before and after every write, or some of these."""
    every = [(number, before) for number in range(writes) for before in (True, False)]
    return every if some is None else random.Random(18).sample(every, some)


def dies_and_goes_on(scripted: ScriptedStudy, out: Path, at: int, before: bool) -> dict[str, str]:
    assert scripted.dies(out, at, before)
    assert not scripted.dies(out, -1, True)
    found = contents(out)
    shutil.rmtree(out)
    return found


def test_the_scripted_study_comes_to_a_confirmed_answer(scripted: ScriptedStudy, unbroken: Any, tmp_path: Path) -> None:
    writes, whole = unbroken
    assert writes > 50
    assert len([name for name in whole if name.startswith("trials/")]) >= 9
    assert '"verdict": "improved"' in whole["confirmation.json"]
    scripted.whole(tmp_path / "again")
    assert contents(tmp_path / "again") == whole


@pytest.mark.parametrize("some", [IN_CI, pytest.param(None, marks=pytest.mark.slow)], ids=["some", "every"])
def test_dying_at_a_write_changes_nothing(
    scripted: ScriptedStudy, unbroken: Any, tmp_path: Path, some: int | None
) -> None:
    writes, whole = unbroken
    for at, before in points(writes, some):
        assert dies_and_goes_on(scripted, tmp_path / "out", at, before) == whole, (at, before)


def test_dying_again_and_again_changes_nothing(scripted: ScriptedStudy, unbroken: Any, tmp_path: Path) -> None:
    """Each driver makes a few writes more than the one before: none of them comes far, all together to the end."""
    drawn = random.Random(3)
    deaths = 0
    while scripted.dies(tmp_path / "out", drawn.randrange(1, 40), drawn.random() < 0.5):
        deaths += 1
    assert deaths >= 3
    assert contents(tmp_path / "out") == unbroken[1]
