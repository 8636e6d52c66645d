"""Who stops a study: Ctrl-C once and twice, a terminal that goes, a machine that sleeps; and two who want the same."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.ci

SECONDS = 60


@pytest.fixture
def in_a_trial(make_study: Any, autotune: Any, wait: Any, tmp_path: Path) -> Callable[..., Any]:
    """`in_a_trial(**env)`: a driver that has just begun its second trial, and the folder of its study."""

    def start(**env: str) -> tuple[subprocess.Popen[str], Path]:
        study = make_study(
            tmp_path / "ring",
            "{python} faulty.py",
            "faulty.py",
            search={"trials": 2, "knobs": ["self_queue"]},
            run={"resident": "never"},
        )
        out = tmp_path / "out"
        driver = autotune.start("run", "--out", out, study, cwd=tmp_path, env=env)
        assert wait((out / "trials" / "0000.json").is_file, driver=driver)
        assert wait(lambda: any(out.glob("scratch/*/stdout.txt")), driver=driver)
        return driver, out

    return start


def trials(out: Path) -> list[str]:
    return sorted(file.name for file in (out / "trials").iterdir())


def test_ctrl_c_lets_the_trial_come_to_its_end(in_a_trial: Any, autotune: Any, made: Any) -> None:
    driver, out = in_a_trial()
    driver.send_signal(signal.SIGINT)
    said, complained = driver.communicate(timeout=SECONDS)
    assert driver.returncode == 130
    assert "this trial comes to its end first" in said
    assert "The same command goes on where it stopped." in complained
    assert trials(out) == ["0000.json", "0001.json"] or "trial   1" not in said
    assert not (out / "scratch").exists()
    assert autotune.all_gone()
    made("SIGINT in a trial")


def test_ctrl_c_twice_stops_a_trial_that_hangs_at_once(in_a_trial: Any, autotune: Any, wait: Any, made: Any) -> None:
    driver, out = in_a_trial(FAULT="hang@a trial", FAULT_OF="settings")
    time.sleep(0.2)
    driver.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):  # nothing ends by itself here
        driver.wait(timeout=1.5)
    driver.send_signal(signal.SIGINT)
    _, complained = driver.communicate(timeout=SECONDS)
    assert driver.returncode == 130
    assert "Traceback" not in complained
    assert trials(out) == ["0000.json"]
    assert not (out / "scratch").exists()
    assert autotune.all_gone()
    made("SIGINT, and again")


def test_a_terminal_that_goes_ends_the_study_in_order(in_a_trial: Any, autotune: Any, made: Any) -> None:
    driver, out = in_a_trial()
    driver.send_signal(signal.SIGHUP)
    _, complained = driver.communicate(timeout=SECONDS)
    assert driver.returncode == 130
    assert "Traceback" not in complained
    assert not (out / "scratch").exists()
    assert autotune.all_gone()
    made("for real")


def test_a_machine_that_sleeps_goes_on(in_a_trial: Any, autotune: Any, made: Any) -> None:
    driver, out = in_a_trial()
    for number, pause_s in ((signal.SIGSTOP, 3.0), (signal.SIGCONT, 0.0)):
        for process in [psutil.Process(driver.pid), *autotune.alive()]:
            process.send_signal(number)
        time.sleep(pause_s)
    _, complained = driver.communicate(timeout=2 * SECONDS)
    assert driver.returncode == 0, complained
    assert trials(out) == [f"{number:04d}.json" for number in range(2)]
    made("SIGSTOP and SIGCONT of all its processes")


def test_runs_that_have_outlived_driver_and_guard_are_ended_first(in_a_trial: Any, autotune: Any, made: Any) -> None:
    driver, out = in_a_trial(FAULT="hang@a trial", FAULT_OF="settings")
    time.sleep(0.2)
    guards = [child for child in psutil.Process(driver.pid).children() if "guard.py" in " ".join(child.cmdline())]
    ranks = [rank for guard in guards for rank in guard.children(recursive=True)]
    for process in [*ranks, *guards]:
        process.suspend()  # so that nothing of it ends when the driver does
    for process in [*guards, psutil.Process(driver.pid)]:
        process.kill()
    driver.communicate(timeout=SECONDS)
    answer = autotune("run", "--out", out, out.parent / "ring", cwd=out.parent)
    assert answer.code == 0, str(answer)
    assert autotune.all_gone()
    made("SIGKILL")
