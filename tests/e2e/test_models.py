"""Models as users bring them: a study, or one clear message with the right exit code and nothing left behind."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.mpi


@pytest.fixture
def tune(make_study, autotune, tmp_path):
    """`tune(command, *models, **tables)`: a study of one trial; the answer."""

    def run(command: str, *models: str, **tables):
        study = make_study(
            tmp_path / "study", command, *models, **{"search": {"trials": 1, "knobs": ["self_queue"]}, **tables}
        )
        answer = autotune("run", "--out", tmp_path / "out", study, cwd=tmp_path)
        assert 'Traceback (most recent call last):\n  File "<frozen runpy>"' not in answer.stderr
        assert autotune.all_gone()
        return answer

    return run


def observation(folder: Path) -> dict:
    return json.loads((folder / "out" / "observation.json").read_text())


def nothing_is_left(folder: Path) -> bool:
    return not (folder / "out").exists()


def test_a_model_that_fails_at_once_is_quoted(tune, tmp_path):
    answer = tune("mpiexec -n 2 {python} fails_at_once.py", "fails_at_once.py")
    assert answer.code == 3
    first, *rest = answer.stderr.splitlines()
    assert first.startswith("autotune: the model does not run with its own settings: rank ")
    assert "FileNotFoundError: morphology cells.swc is not there" in first
    assert "its last lines:" in rest
    assert any('fails_at_once.py", line 5' in line for line in rest)
    assert nothing_is_left(tmp_path)


def test_a_model_without_a_delay_between_ranks_is_told_to_stay_on_one(tune, tmp_path):
    answer = tune("mpiexec -n 2 {python} small_ring.py --delay 0", "small_ring.py")
    assert answer.code == 3, str(answer)
    assert "no delay" in answer.stderr
    assert "mpiexec -n 1" in answer.stderr


def test_a_command_that_runs_no_neuron_is_told_so(tune, tmp_path):
    answer = tune("{python} -c 'print(\"done all the same\")'")
    assert answer.code == 3
    assert "before any rank reported" in answer.stderr
    assert "done all the same" in answer.stderr
    assert "its Python did not import NEURON" in answer.stderr
    assert nothing_is_left(tmp_path)


def test_an_error_on_one_rank_alone_is_quoted_and_the_waiting_rank_is_ended(tune, tmp_path):
    answer = tune("mpiexec -n 2 {python} rank_fails.py", "rank_fails.py", run={"end_grace_s": 2})
    assert answer.code == 3
    assert "rank 1: ValueError: rank 1: synapse table has no column 'weight'" in answer.stderr.splitlines()[0]
    assert nothing_is_left(tmp_path)


def test_a_model_that_hangs_is_ended_at_its_time_limit(tune, tmp_path):
    answer = tune(
        "mpiexec -n 2 {python} hangs.py", "hangs.py", run={"timeout_s": 8}
    )  # long enough to say that it waits
    assert answer.code == 3
    assert "still running after 8 s" in answer.stderr
    assert "rank 1: waiting" in answer.stderr
    assert nothing_is_left(tmp_path)


def test_serial_copies_under_mpiexec_are_refused(tune, tmp_path):
    answer = tune("mpiexec -n 2 {python} serial_run.py", "serial_run.py")
    assert answer.code == 4
    first = answer.stderr.strip().splitlines()[0]  # which does not blame the model's settings
    assert first.startswith(
        "autotune: 2 ranks were asked for, but NEURON ran 2 serial copies of the model (nhost is 1)"
    )
    assert "h.nrnmpi_init()" in answer.stderr
    assert nothing_is_left(tmp_path)


def test_a_launcher_that_makes_no_world_is_refused_before_the_model_is_run(tune, tmp_path):
    fake = tmp_path / "mpiexec"
    fake.write_text('#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift 2; done\n"$@" &\n"$@"\nwait\n')
    fake.chmod(0o755)
    answer = tune(f"{fake} -n 2 {{python}} hangs.py", "hangs.py")
    assert answer.code == 4
    assert "was asked for 2 ranks, but it started 2 separate worlds of 1 rank" in answer.stderr
    assert nothing_is_left(tmp_path)


def test_a_model_that_does_not_reproduce_itself_is_told_so_plainly(tune):
    answer = tune("mpiexec -n 2 {python} random_time.py", "random_time.py")
    assert answer.code == 3
    assert "does not reproduce itself" in answer.stderr
    assert "Seed its random numbers" in answer.stderr


def test_a_model_without_spikes_is_tuned_by_its_voltages_and_told_what_that_can_verify(tune, tmp_path):
    knobs = ["dt", "nspike", "gid_compress"]
    answer = tune("mpiexec -n 2 {python} no_spikes.py", "no_spikes.py", search={"trials": 2, "knobs": knobs})
    assert answer.code == 0, str(answer)
    assert "the model made no spikes: its voltage is compared" in answer.stdout
    assert "of what is recorded: 0 traces that change with dt after t = 37.5 ms (evidence_until)" in answer.stdout
    trial = json.loads((tmp_path / "out" / "trials" / "0001.json").read_text())
    assert trial["changes"]["gid_compress"] is True
    assert (trial["verdict"], trial["spikes"]) == ("accepted", 0)


def test_a_model_that_imports_mpi4py_first_is_one_world(tune, tmp_path):
    answer = tune("mpiexec -n 2 {python} mpi4py_first.py", "mpi4py_first.py")
    assert answer.code == 0, str(answer)
    assert observation(tmp_path)["facts"]["ranks"] == 2
    assert observation(tmp_path)["spikes"] == 15


def test_a_good_run_is_good_whatever_its_exit_code(tune, tmp_path):
    answer = tune("mpiexec -n 2 {python} small_ring.py --quit fall-off", "small_ring.py")
    assert answer.code == 0, str(answer)
    assert observation(tmp_path)["exit_code"] != 0 or "MPICH" in observation(tmp_path)["environment"]["mpi"]
    assert observation(tmp_path)["spikes"] == 73


def test_a_hoc_model_runs_through_nrniv(tune, tmp_path):
    nrniv = Path(sys.executable).with_name("nrniv")
    answer = tune(f"mpiexec -n 2 {nrniv} -mpi hoc_net.hoc", "hoc_net.hoc")
    assert answer.code == 0, str(answer)
    assert observation(tmp_path)["facts"]["ranks"] == 2
    assert observation(tmp_path)["spikes"] > 0


def test_a_setting_that_crashes_the_model_is_a_rejected_trial_and_the_study_goes_on(make_study, autotune, tmp_path):
    study = make_study(tmp_path / "study", search={"trials": 3, "knobs": ["dt"]})
    model = study / "small_ring.py"
    guard = "h.stdinit()\nif h.dt > 0.026:\n    raise RuntimeError(f'no table for dt = {h.dt:g}')\n"
    model.write_text(model.read_text().replace("h.stdinit()\n", guard))
    answer = autotune("run", "--out", tmp_path / "out", study, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    trials = [json.loads(file.read_text()) for file in sorted((tmp_path / "out" / "trials").iterdir())]
    assert len(trials) == 3
    crashed = [trial for trial in trials if trial["changes"]]
    assert crashed
    for trial in crashed:
        assert (trial["verdict"], trial["ratio"]) == ("crashed", None)
        assert f"RuntimeError: no table for dt = {trial['params']['dt']:g}" in trial["reason"]
    assert "keep your settings" in answer.stdout


@pytest.mark.parametrize("place", ["from neuron import h", "h.stdinit()"])
def test_a_model_that_does_less_once_its_result_is_there_is_told_so(place, make_study, autotune, tmp_path):
    study = make_study(tmp_path / "study", "{python} small_ring.py --tstop 20")
    model = study / "small_ring.py"
    skips = "import os\nif os.path.exists('result.json'):\n    sys.exit(0)\n"
    ends = 'open("result.json", "w").close()\npc.barrier()\n'
    text = model.read_text().replace("pc.barrier()\n", ends)
    model.write_text(text.replace(f"{place}\n", f"{place}\n{skips}"))
    answer = autotune("run", "--workspace", "in place", "--out", tmp_path / "out", study, cwd=tmp_path)
    assert answer.code == 3, str(answer)
    assert "the model ran once with its own settings and then failed" in answer.stderr
    assert "The first run wrote result.json, which later runs find" in answer.stderr
    assert "Seed its random numbers" not in answer.stderr


def test_jobs_of_the_bulletin_board_are_tuned_and_the_whole_process_is_timed(make_study, autotune, tmp_path):
    study = make_study(
        tmp_path / "study", "mpiexec -n 2 {python} jobs.py", "jobs.py", search={"trials": 2, "knobs": ["node_order"]}
    )
    answer = autotune("run", "--out", tmp_path / "out", study, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    assert observation(tmp_path)["facts"]["by_jobs"] is True
    assert "spikes are compared job by job, whichever rank did it, and the whole process is timed" in answer.stdout
    assert "every trial is a fresh process: the whole process is timed" in answer.stdout
    assert "the model reproduces itself bit for bit" in answer.stdout
