"""A driver that dies before or after any of its writes: the study that goes on is the one that was never stopped."""

from __future__ import annotations

import errno
import itertools
import os
import random
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from scripted_study import ScriptedStudy, contents, counting, overwrite, remove

import autotune.begin
import autotune.export
import autotune.search.trial
from autotune.errors import UsageError
from autotune.launch.run import FreshRunner
from autotune.store.disk import REFUSED
from autotune.store.opening import JOURNAL

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


@pytest.mark.timeout(1800)
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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
def test_a_disk_that_refuses_a_write_ends_the_study_with_words_and_nothing_is_lost(
    scripted: ScriptedStudy, unbroken: Any, made: Any, tmp_path: Path, number: int
) -> None:
    out = tmp_path / "out"
    for at in (1, 60, 40):  # of the writes that are left each time

        def refuse(write: int, before: bool, at: int = at) -> None:
            if before and write >= at:
                raise OSError(number, os.strerror(number), str(out / "some.json"))

        with counting(refuse), pytest.raises(UsageError) as caught:
            scripted.whole(out)
        assert REFUSED[number][0] in caught.value.message
        assert "the same command again" in caught.value.cure
        made("a write hook")
    scripted.whole(out)
    assert contents(out) == unbroken[1]


@pytest.mark.parametrize("harm", [remove, overwrite])
def test_a_journal_that_is_harmed_at_any_write_costs_no_trial(
    scripted: ScriptedStudy, unbroken: Any, made: Any, tmp_path: Path, harm: Any
) -> None:
    out = tmp_path / "out"
    for at in (60, 40):

        def strike(write: int, before: bool, at: int = at) -> None:
            if (write, before) == (at, False):
                assert not list((out / "trials").glob("0008.json")), "the search is over already"
                harm(out / JOURNAL)

        with counting(strike), pytest.raises(UsageError, match="was removed or damaged while the study ran"):
            scripted.whole(out)
    scripted.whole(out)
    assert contents(out) == unbroken[1]
    made("the journal, at a write of a scripted study")


def test_a_clock_that_is_set_back_changes_nothing(
    scripted: ScriptedStudy, unbroken: Any, made: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """The date of a record says when it was written, and nothing else is made of it."""
    hours = itertools.count()

    class SetBack(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2026, 11, 26, tzinfo=tz) - timedelta(hours=next(hours))

    for module in (autotune.begin, autotune.search.trial, autotune.export):
        monkeypatch.setattr(module, "datetime", SetBack)
    out = tmp_path / "out"
    assert scripted.dies(out, 100, True)
    scripted.whole(out)
    assert contents(out) == unbroken[1]
    made("the driver's clock, an hour a look")


def test_no_duration_is_told_by_a_clock_that_can_be_set() -> None:
    """Dates are written into records; and compared with those of files, which is right however the clock is set."""
    root = Path(autotune.begin.__file__).parent
    settable = re.compile(r"\btime\.time\(|utcnow|datetime\.(today|now)\(")
    files = (file for file in root.rglob("*.py") if "agent" not in file.parts)
    dated = {file.relative_to(root).as_posix() for file in files if settable.search(file.read_text())}
    assert dated <= {"begin.py", "search/trial.py", "export.py", "store/workers.py", "launch/guard.py"}
