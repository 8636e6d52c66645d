"""A run that hangs, in each step of a study; and trials that fail in every way. A study goes on after a trial, and says
which of the user's own runs failed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ci

LIMIT_S = 8.0  # of each run that hangs; they sleep beside each other
AFTER = {  # what a study that has come to this step has not written yet
    "the repetition": ["calibration.json", "rasters/[!b]*", "optuna.journal", "short.json"],
    "calibration": ["calibration.json", "rasters/[!b]*", "optuna.journal", "short.json"],
    "A/A": ["noise.json", "optuna.journal"],
    "a trial": ["trials/*", "optuna.journal"],
    "the confirmation": [],
}
ALWAYS = ["noise.json", "search.json", "simplified.json", "conf*.json", "trials/*"]


@dataclass(frozen=True)
class Hung:
    code: int
    stdout: str
    stderr: str
    out: Path

    def trials(self) -> list[dict[str, Any]]:
        return [json.loads(file.read_text()) for file in sorted((self.out / "trials").glob("*.json"))]


@pytest.fixture(scope="module")
def finished(make_study: Any, shared_autotune: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished study in fresh processes, in which self_queue looks as if it paid."""
    folder = tmp_path_factory.mktemp("steps")
    study = make_study(
        folder / "ring",
        "{python} faulty.py",
        "faulty.py",
        search={"trials": 3, "knobs": ["self_queue", "dt"]},
        run={"timeout_s": LIMIT_S, "resident": "never"},
        accept={"window_ms": 5.0},
    )
    out = folder / "out"
    answer = shared_autotune("run", "--out", out, study, cwd=folder)
    assert answer.code == 0, str(answer)
    for file in (out / "trials").iterdir():
        trial = json.loads(file.read_text())
        if trial["changes"] == {"self_queue": True}:
            file.write_text(json.dumps({**trial, "ratio": 0.001}))
    return study, out


@pytest.fixture(scope="module")
def hung(finished: Any, shared_autotune: Any) -> dict[str, Hung]:
    """The study once more in each step, where the model hangs; all at once, for they mostly sleep."""
    study, out = finished
    drivers: dict[str, tuple[Path, subprocess.Popen[str]]] = {}
    for step, removed in AFTER.items():
        copy = out.with_name(f"out {list(AFTER).index(step)}")
        shutil.copytree(out, copy, symlinks=True)
        gone = ALWAYS if step not in ("the confirmation", "a trial") else ["conf*.json", "simplified.json"]
        for name in [*removed, *gone, *(["search.json"] if step == "a trial" else [])]:
            for file in copy.glob(name):
                file.unlink()
        env = {"FAULT": f"hang@{step}", "FAULT_OF": "settings" if step == "a trial" else ""}
        drivers[step] = copy, shared_autotune.start("run", "--out", copy, study, cwd=study.parent, env=env)
    ends = {}
    for step, (copy, driver) in drivers.items():
        said, complained = driver.communicate(timeout=200)
        ends[step] = Hung(driver.returncode, said, complained, copy)
    return ends


OWN = {
    "the repetition": "the model ran once with its own settings and then failed",
    "A/A": "the baseline ran before and fails now",
    "the confirmation": "the baseline ran before and fails now",
}


@pytest.mark.parametrize("step", OWN)
def test_a_run_of_the_users_own_that_hangs_ends_the_study_and_says_so(
    hung: dict[str, Hung], shared_autotune: Any, made: Callable[[str], None], step: str
) -> None:
    end = hung[step]
    assert end.code == 3, end
    assert OWN[step] in end.stderr
    assert "still running after 8 s" in end.stderr
    assert "it waits" in end.stderr
    assert not (end.out / "scratch").exists()
    made("it sleeps for ever")


def test_a_calibration_that_hangs_costs_the_knobs_that_need_it(hung: dict[str, Hung], made: Any) -> None:
    end = hung["calibration"]
    assert end.code == 0, end
    left_out = json.loads((end.out / "calibration.json").read_text())["left_out"]
    assert "still running" in left_out["dt"]
    assert all("dt" not in trial["params"] for trial in end.trials())
    made("it sleeps for ever")


def test_a_trial_that_hangs_is_a_timeout_and_the_search_goes_on(hung: dict[str, Hung], made: Any) -> None:
    end = hung["a trial"]
    assert end.code == 0, end
    trials = end.trials()
    assert [trial["verdict"] for trial in trials] == ["accepted", "timeout", "timeout"]
    assert all(trial["ratio"] is None for trial in trials[1:])
    assert "no accepted trial looked faster" in end.stdout
    made("it sleeps for ever")


@pytest.mark.parametrize("fault", ["NaN", pytest.param("segfault", marks=pytest.mark.slow)])
def test_a_trial_that_fails_is_no_winner(finished: Any, copy_to: Any, autotune: Any, made: Any, fault: str) -> None:
    study, out = copy_to(*finished)
    answer = autotune(
        "run", "--out", out, study, cwd=study.parent, env={"FAULT": f"{fault}@a trial", "FAULT_OF": "settings"}
    )
    assert answer.code == 0, str(answer)
    verdicts = [json.loads(file.read_text())["verdict"] for file in sorted((out / "trials").glob("*.json"))]
    assert verdicts[0] == "accepted"
    assert set(verdicts[1:]) <= ({"crashed"} if fault == "segfault" else {"diverged", "unstable"})
    assert "no accepted trial looked faster" in answer.stdout
    made("for real")


@pytest.fixture
def copy_to(tmp_path: Path) -> Callable[[Path, Path], tuple[Path, Path]]:
    """A copy of a study's folder that stands before its first trial."""

    def copy(study: Path, out: Path) -> tuple[Path, Path]:
        shutil.copytree(out, tmp_path / "out", symlinks=True)
        for name in ("trials/*", "optuna.journal", "search.json", "simplified.json", "conf*.json"):
            for file in (tmp_path / "out").glob(name):
                file.unlink()
        return study, tmp_path / "out"

    return copy
