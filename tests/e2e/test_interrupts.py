"""A driver that is stopped at any moment leaves no process and loses no trial; the same command goes on."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from autotune.search.sampler import make_sampler
from autotune.store.opening import open_storage
from autotune.store.optuna import open_study

pytestmark = [pytest.mark.mpi, pytest.mark.ci]

WAITS = "mpiexec -n 2 {python} hangs.py"


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def is_waiting(out: Path) -> bool:
    """Both ranks of hangs.py say that they wait."""
    return any(file.read_text().count("waiting") == 2 for file in out.glob("scratch/*/stdout.txt"))


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_a_study_stopped_in_mid_search_goes_on_and_loses_nothing(recipe_study, copy_of, autotune, listing, wait, stop):
    study = copy_of(recipe_study)
    words = ("run", "--trials", "7", "--out", study.out, study.study)
    driver = autotune.start(*words, cwd=study.out.parent)
    assert wait((study.out / "trials" / "0005.json").is_file, driver=driver)
    assert wait(lambda: any(study.out.glob("scratch/*/stdout.txt")), driver=driver)  # a run of the next trial has begun
    driver.send_signal(stop)
    code, _, err = finish(driver)
    if stop == signal.SIGINT:
        assert code == 130
        assert "interrupted" in err
        assert "The same command goes on where it stopped." in err
        assert "Traceback" not in err
        assert not (study.out / "scratch").exists()
    assert autotune.all_gone()
    finished = listing(study.out / "trials")
    done = len(finished)
    assert done in ((6, 7) if stop == signal.SIGINT else (6,))  # Ctrl-C lets a trial that has begun come to its end

    answer = autotune(*words, cwd=study.out.parent)
    assert answer.code == 0, str(answer)
    assert f"going on after {done} finished trials" in answer.stdout
    now = listing(study.out / "trials")
    assert {name: now[name] for name in finished} == finished
    assert len(study.trials()) == 7
    params = [json.dumps(trial["params"]) for trial in study.trials() if trial["answered_from"] is None]
    assert len(set(params)) == len(params)
    assert not (study.out / "scratch").exists()


def test_a_confirmation_goes_on_with_the_pairs_that_it_has(dt_study, copy_of, autotune, wait, interrupted):
    study = copy_of(dt_study)
    (study.out / "confirmation.json").unlink()
    (study.out / "confirming.json").unlink()
    words = ("run", "--out", study.out, study.study)
    driver = autotune.start(*words, cwd=study.out.parent)
    assert wait((study.out / "confirming.json").is_file, driver=driver)
    assert interrupted(driver).code == 130
    measured = study.record("confirming")["events"]
    assert measured

    answer = autotune(*words, cwd=study.out.parent)
    assert answer.code == 0, str(answer)
    samples = study.record("confirmation")["samples"]
    assert samples[: len(measured)] == measured
    assert len(samples) > len(measured)  # four starts at least; it was stopped after the first
    assert answer.stdout.count("pair ") == len(samples) - len(measured)
    assert study.record("confirmation")["verdict"] in ("improved", "no improvement")  # of a loaded machine


def test_ctrl_c_before_anything_is_finished_leaves_nothing(make_study, autotune, tmp_path, wait, interrupted):
    study, out = make_study(tmp_path / "study", WAITS, "hangs.py"), tmp_path / "out"
    driver = autotune.start("run", "--out", out, study, cwd=tmp_path)
    assert wait(lambda: is_waiting(out), driver=driver)
    answer = interrupted(driver)
    assert answer.code == 130
    assert "interrupted" in answer.stderr
    assert autotune.all_gone()
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_a_driver_in_the_background_ends_at_sigterm(make_study, autotune, tmp_path, wait):
    """A shell without job control starts background commands with SIGINT ignored."""
    study, out = make_study(tmp_path / "study", WAITS, "hangs.py"), tmp_path / "out"
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    driver = autotune.start("run", "--out", out, study, cwd=tmp_path, **ignore)
    assert wait(lambda: is_waiting(out), driver=driver)
    driver.terminate()
    assert finish(driver)[0] == 130
    assert autotune.all_gone()


@pytest.mark.parametrize("fresh", [(), ("--fresh",)])
def test_a_second_driver_on_the_same_folder_is_refused_and_disturbs_nothing(
    make_study, autotune, tmp_path, wait, interrupted, listing, fresh
):
    study, out = make_study(tmp_path / "study", WAITS, "hangs.py"), tmp_path / "out"
    driver = autotune.start("run", "--out", out, study, cwd=tmp_path)
    assert wait(lambda: is_waiting(out), driver=driver)
    before = listing(out)
    second = autotune("run", *fresh, "--out", out, study, cwd=tmp_path)
    assert second.code == 2
    assert "another run works on this study" in second.stderr
    assert listing(out) == before
    assert driver.poll() is None
    interrupted(driver)


@pytest.mark.slow
def test_a_first_trial_that_was_killed_can_be_made_again_in_a_database(make_study, autotune, tmp_path, wait):
    study, out = make_study(tmp_path / "study", search={"trials": 1, "knobs": ["self_queue"]}), tmp_path / "out"
    words = ("run", "--storage", f"sqlite:///{tmp_path}/optuna.db", "--out", out, study)
    driver = autotune.start(*words, cwd=tmp_path)
    assert wait((out / "noise.json").is_file, driver=driver)
    assert wait(lambda: any(out.glob("scratch/*/stdout.txt")), driver=driver)
    driver.kill()
    finish(driver)
    assert autotune.all_gone()
    assert not any((out / "trials").iterdir())
    answer = autotune(*words, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    assert len(list((out / "trials").iterdir())) == 1


def test_the_samplers_memory_is_made_anew_from_the_trials_when_it_is_lost(recipe_study, copy_of, autotune):
    study = copy_of(recipe_study)
    (study.out / "optuna.journal").unlink()
    answer = autotune("run", "--trials", "6", "--out", study.out, study.study, cwd=study.out.parent)
    assert answer.code == 0, str(answer)
    assert len(study.trials()) == 6
    stored = open_study(open_storage(study.out), "ring", 0, make_sampler).trials
    ratios = [trial.values[0] if trial.values else None for trial in stored]  # none of a trial that was stopped
    assert ratios == pytest.approx([trial["ratio"] for trial in study.trials()])
