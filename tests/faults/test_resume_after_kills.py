"""The driver of real runs is killed again and again, at moments that are drawn: nothing is lost, doubled or left."""

from __future__ import annotations

import random
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(1800)]

MOST_S = 60.0


def written(out: Path) -> set[Path]:
    """Every record, raster and run of a study that has appeared so far."""
    return {path for name in ("*.json", "trials/*", "rasters/*", "scratch/*") for path in out.glob(name)}


def kill_on_its_way(driver: subprocess.Popen[str], out: Path, drawn: random.Random) -> None:
    """Let it write a little, then kill it."""
    before, more, until = written(out), drawn.randint(1, 4), time.monotonic() + MOST_S
    while driver.poll() is None and len(written(out) - before) < more and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(drawn.uniform(0.0, 0.4))
    driver.kill()
    driver.communicate(timeout=30)


@pytest.mark.parametrize("kills", [pytest.param(12, marks=pytest.mark.ci), pytest.param(60, marks=pytest.mark.slow)])
def test_a_study_of_two_ranks_that_is_killed_again_and_again(
    kills: int, make_study: Any, autotune: Any, listing: Any, half_written: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t"))  # where launchers keep their folders
    (tmp_path / "t").mkdir()
    study = make_study(
        tmp_path / "ring",
        "mpiexec -n 2 {python} faulty.py",
        "faulty.py",
        search={"knobs": ["self_queue", "bin_queue", "gid_compress", "nspike"]},
    )
    out, drawn = tmp_path / "out", random.Random(kills)
    before, finished = listing(study), {}
    for number in range(kills):  # each driver has something to do
        driver = autotune.start("run", "--trials", str(3 + number // 2), "--out", out, study, cwd=tmp_path)
        kill_on_its_way(driver, out, drawn)
        now = listing(out / "trials") if (out / "trials").is_dir() else {}
        whole = {name: digest for name, digest in now.items() if not name.startswith(".")}
        assert finished.items() <= whole.items(), "a finished trial was lost or made again"
        finished = whole
    answer = autotune("run", "--trials", str(3 + kills // 2), "--out", out, study, cwd=tmp_path)
    assert answer.code == 0, str(answer)

    assert finished.items() <= listing(out / "trials").items()
    trials = {file.stem: file.read_text() for file in sorted((out / "trials").iterdir())}
    assert list(trials) == [f"{number:04d}" for number in range(len(trials))]
    nothing_left = ("every value has been tried", "nothing new to find")
    assert len(trials) >= 3 + kills // 2 or any(why in answer.stdout for why in nothing_left)
    assert_equal_settings_are_judged_equally(out)
    assert half_written(out) == []
    assert not (out / "scratch").exists()
    assert autotune.all_gone()
    assert list((tmp_path / "t").glob("ompi.*")) == []
    assert listing(study) == before


def assert_equal_settings_are_judged_equally(out: Path) -> None:
    from autotune.store.folder import StudyFolder

    judged = defaultdict(set)
    for trial in StudyFolder(out).trials():
        if trial.verdict not in ("crashed", "timeout"):
            judged[str(trial.params)].add((trial.verdict, trial.spikes, trial.distance, str(trial.effective)))
    assert all(len(verdicts) == 1 for verdicts in judged.values()), judged
