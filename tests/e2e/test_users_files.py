"""Runs and studies of a model that reads and writes beside its folder, and looks whether its result is there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotune.launch.ask import Ask
from autotune.launch.command import launch_environment, parse_command
from autotune.launch.files import NAMES, choose
from autotune.launch.mpi import find_mpi, mpi_environment
from autotune.launch.run import FreshRunner, stage_agent
from autotune.observe import observe
from autotune.settings import Changes

pytestmark = pytest.mark.ci

MODEL = Path(__file__).parents[1] / "models" / "another_folder.py"
LONGER_DT = Changes({"dt": 0.1})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What the user has: a model in a folder, its configuration and the place of its results beside that."""
    for name in ("my model/sim dir", "my model/out"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(MODEL, tmp_path / "my model" / "sim dir" / "run.py")
    (tmp_path / "my model" / "cfg.json").write_text(json.dumps({"cells": 8, "tstop": 200}))
    return tmp_path / "my model"


def results(home: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted((home / "out").iterdir())}


def runner(home: Path, means: str, *words: str, ranks: int = 1) -> FreshRunner:
    launcher = ["mpiexec", "-n", str(ranks)] if ranks > 1 else []
    command = parse_command([*launcher, sys.executable, "run.py", "../cfg.json", *words], home / "sim dir")
    environment = launch_environment(command, os.environ)
    environment |= mpi_environment(find_mpi(command, environment), environment)
    study = home.parent / "study"
    stage_agent(study / "agent")
    files = choose(study / "files", command.cwd, environment, ours=[study], allowed=[means])
    return FreshRunner(command, environment, study / "agent", study / "scratch", files=files)


@pytest.mark.parametrize("means", NAMES)
@pytest.mark.parametrize("when", ["never", "before", "after"])
def test_a_trial_finds_no_result_and_leaves_that_of_the_users_own_run(home: Path, means: str, when: str) -> None:
    fresh = runner(home, means, when)
    observation, baseline = observe(fresh, None, 60.0)
    assert observation.written == (str(home / "out" / "spikes_0.txt"),)
    assert observation.means == means
    own = results(home)
    trial = fresh.run(Ask(60.0, LONGER_DT))
    assert trial.effective["dt"] == 0.1
    assert len(trial.raster) > 10
    assert not (trial.raster.times_ms[:10] == baseline.times_ms[:10]).all()
    assert results(home) == own
    assert fresh.run(Ask(60.0)).raster == baseline


@pytest.mark.mpi
@pytest.mark.parametrize("means", NAMES)
def test_two_ranks_find_and_leave_the_same(home: Path, means: str) -> None:
    fresh = runner(home, means, "before", ranks=2)
    _, baseline = observe(fresh, find_mpi(fresh.command, fresh.environment), 60.0)
    own = results(home)
    assert list(own) == ["spikes_0.txt", "spikes_1.txt"]
    fresh.run(Ask(60.0, LONGER_DT))
    assert results(home) == own
    assert fresh.run(Ask(60.0)).raster == baseline


STUDY: dict[str, dict[str, Any]] = {
    "search": {"trials": 2, "values": {"dt": [0.1]}, "knobs": ["dt"], "repeats": 0},
    "noise": {"runs": 4},
    "confirm": {"pairs": 5, "finalists": 1, "alpha": 0.05},
    "accept": {"window_ms": 30.0, "error_factor": 1000.0},
}


def write_toml(home: Path) -> Path:
    lines = ['command = "{python} run.py ../cfg.json before"']
    for table, values in STUDY.items():
        lines.append(f"[{table}]")
        for key, value in values.items():
            shown = "{dt = [0.1]}" if key == "values" else json.dumps(value)
            lines.append(f"{key} = {shown}")
    (home / "sim dir" / "study.toml").write_text("\n".join(lines) + "\n")
    return home / "sim dir"


def test_a_study_says_how_it_keeps_the_users_files_and_does(home: Path, autotune: Any) -> None:
    study = write_toml(home)
    answer = autotune("run", ".", "--out", home.parent / "out", cwd=study)
    assert answer.code == 0, str(answer)
    assert "your files are kept: each run writes into an overlay" in answer.stdout
    observation = json.loads((home.parent / "out" / "observation.json").read_text())
    assert observation["means"] == "overlay"
    assert observation["written"] == [str(home / "out" / "spikes_0.txt")]
    assert json.loads((home.parent / "out" / "trials" / "0001.json").read_text())["verdict"] == "accepted"
    tuned = results(home)
    (home / "out" / "spikes_0.txt").unlink()
    subprocess.run([sys.executable, "run.py", "../cfg.json"], cwd=study, check=True)
    assert results(home) == tuned


@pytest.mark.slow
def test_a_killed_study_puts_back_first_of_all(home: Path, autotune: Any, wait: Callable[..., bool]) -> None:
    study = write_toml(home)
    words = ("run", ".", "--out", home.parent / "out", "--workspace", "put back")
    process = autotune.start(*words, cwd=study)
    result = home / "out" / "spikes_0.txt"
    assert wait(lambda: (home.parent / "out" / "observation.json").exists(), driver=process)
    own = (home.parent / "out" / "files" / "results" / str(result).lstrip("/")).read_text()
    assert wait(lambda: not result.exists(), driver=process)  # taken away for a run
    process.send_signal(signal.SIGKILL)
    assert autotune.all_gone()
    answer = autotune(*words, cwd=study)
    assert answer.code == 0, str(answer)
    assert "what your run wrote is put back after each trial" in answer.stdout
    assert result.read_text() == own
