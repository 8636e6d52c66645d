"""Both forms of `run` and every option of it, on real runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import optuna
import pytest

pytestmark = [pytest.mark.mpi, pytest.mark.ci]


def trials_of(out: Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in sorted((out / "trials").glob("*.json"))]


def test_a_command_is_tuned_as_it_was_typed(make_study, autotune, tmp_path):
    folder = make_study(tmp_path / "model")
    command = ["mpiexec", "-n", "2", sys.executable, "small_ring.py", "--tstop", "50"]
    answer = autotune("run", "--trials", "1", "--knobs", "self_queue", "--", *command, cwd=folder)
    assert answer.code == 0, str(answer)
    study = json.loads((folder / "runs" / "small_ring" / "study.json").read_text())  # the default place
    assert study["model"]["command"] == command
    assert study["name"] == "small_ring"
    observation = json.loads((folder / "runs" / "small_ring" / "observation.json").read_text())
    assert observation["facts"]["t_stop_ms"] == 50.0
    assert observation["facts"]["ranks"] == 2


def test_a_study_is_named_by_its_folder_and_goes_to_runs_where_the_user_is(make_study, autotune, tmp_path):
    study = make_study(tmp_path / "studies" / "my_ring")
    answer = autotune("run", "--trials", "1", "--knobs", "self_queue", "studies/my_ring", cwd=tmp_path)
    assert answer.code == 0, str(answer)
    assert len(trials_of(tmp_path / "runs" / "my_ring")) == 1
    assert sorted(path.name for path in study.iterdir()) == ["small_ring.py", "study.toml"]


def test_a_study_folder_inside_the_models_folder_is_no_part_of_the_model(make_study, autotune, tmp_path):
    folder = make_study(tmp_path / "model")
    words = ("run", "--trials", "1", "--knobs", "self_queue", "--out", "results", "--", sys.executable, "small_ring.py")
    assert autotune(*words, cwd=folder).code == 0
    assert autotune("export", "results", cwd=folder).code == 0  # best.json is no part of it either
    again = autotune(*words, cwd=folder)
    assert again.code == 0, str(again)
    assert "going on after 1 finished trials" in again.stdout


def test_the_objective_may_be_the_whole_process(make_study, autotune, tmp_path):
    study = make_study(tmp_path / "study", f"{sys.executable} sleeps_less.py", "sleeps_less.py")
    options = ("--objective", "total", "--trials", "1", "--knobs", "bin_queue")
    answer = autotune("run", *options, "--out", "out", study, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    (trial,) = trials_of(tmp_path / "out")
    sections = trial["sections"]
    assert trial["samples"][0]["trial_s"] > sections["run"] + sections["setup"]
    assert json.loads((tmp_path / "out" / "study.json").read_text())["config"]["search"]["objective"] == "total"


@pytest.fixture(scope="module")
def with_options(shared_autotune, make_study, tmp_path_factory):
    """A study with every option on the command line: its folder, the answer, the database."""
    folder = tmp_path_factory.mktemp("options")
    study = make_study(folder / "study", search={"trials": 50, "seed": 1})
    options = "--trials 3 --time-budget 600 --knobs nspike,bin_queue,self_queue --exclude self_queue --seed 5"
    storage = ("--storage", f"sqlite:///{folder}/optuna.db")
    answer = shared_autotune("run", *options.split(), *storage, "--out", folder / "out", study, cwd=folder)
    assert answer.code == 0, str(answer)
    return folder, answer


def test_trials_on_the_command_line_win_over_study_toml(with_options):
    assert len(trials_of(with_options[0] / "out")) in (3, 4)  # one more, if the winner was simplified


def test_only_the_knobs_that_were_asked_for_are_searched(with_options):
    folder, answer = with_options
    assert {name for trial in trials_of(folder / "out") for name in trial["params"]} == {"nspike", "bin_queue"}
    for knob in ("dt", "self_queue", "gid_compress"):
        line = next(line for line in answer.stdout.splitlines() if line.split()[:1] == [knob])
        assert "not searched: left out as you asked" in line


def test_the_seed_is_that_of_the_command_line(with_options):
    assert json.loads((with_options[0] / "out" / "study.json").read_text())["config"]["search"]["seed"] == 5


def test_a_database_holds_the_optuna_study_in_place_of_the_journal(with_options):
    folder, _ = with_options
    study = optuna.load_study(study_name="study", storage=f"sqlite:///{folder}/optuna.db")
    records = trials_of(folder / "out")
    assert [trial.number for trial in study.trials if trial.state.is_finished()][:3] == [
        0,
        1,
        2,
    ]  # one more, if the winner was simplified
    assert [trial.user_attrs["verdict"] for trial in study.trials] == [trial["verdict"] for trial in records]
    assert [trial.values[0] for trial in study.trials] == pytest.approx([trial["ratio"] for trial in records])
    assert not (folder / "out" / "optuna.journal").exists()


def test_another_study_of_the_same_name_in_the_database_is_refused_and_left_alone(with_options, make_study, autotune):
    folder, _ = with_options
    url = f"sqlite:///{folder}/optuna.db"
    from_elsewhere = make_study(folder / "elsewhere" / "study")
    answer = autotune("run", "--storage", url, "--out", folder / "other", from_elsewhere, cwd=folder)
    assert answer.code == 2
    assert "already holds a study named 'study' with " in answer.stderr
    assert not (folder / "other").exists()  # it was told before anything was run
    assert len(optuna.load_study(study_name="study", storage=url).trials) in (3, 4)


def test_the_search_ends_with_the_time_budget(make_study, autotune, tmp_path):
    study = make_study(tmp_path / "study", search={"trials": 1000, "knobs": ["nspike", "gid_compress", "bin_queue"]})
    answer = autotune(
        "run", "--time-budget", "1.5", "--resident", "never", "--out", tmp_path / "out", study, cwd=tmp_path
    )
    assert answer.code == 0, str(answer)
    trials = trials_of(tmp_path / "out")
    assert 1 <= len(trials) < 10
    assert sum(trial["wall_s"] for trial in trials[:-1]) < 1.5


def test_a_command_with_ranks_in_it_makes_their_number_tunable(make_study, autotune, tmp_path):
    command = "mpiexec -n {ranks} {python} small_ring.py"
    study = make_study(tmp_path / "study", command, search={"trials": 4, "knobs": ["ranks"]})
    answer = autotune("run", "--out", tmp_path / "out", study, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    facts = json.loads((tmp_path / "out" / "observation.json").read_text())["facts"]
    if facts["cores"] < 2:
        assert "one core: there is no other number of ranks" in answer.stdout
        return
    assert facts["ranks"] == facts["cores"]
    other = [trial for trial in trials_of(tmp_path / "out") if trial["params"]["ranks"] != facts["ranks"]]
    assert other
    for trial in other:
        assert trial["effective"] == trial["params"]
        assert (trial["verdict"], trial["spikes"]) == ("accepted", 73)


@pytest.mark.parametrize(
    ("command", "option", "way"),
    [
        pytest.param("mpiexec -n 2 {python} small_ring.py", "auto", "stdinit()", marks=pytest.mark.slow),
        ("{python} small_ring.py", "auto", "fork"),
        pytest.param("mpiexec -n 2 {python} small_ring.py", "never", "", marks=pytest.mark.slow),
    ],
)
def test_trials_run_on_one_built_network_unless_the_user_says_never(
    command, option, way, make_study, autotune, tmp_path
):
    study = make_study(tmp_path / "study", command.format(python=sys.executable), search={"knobs": ["dt", "bin_queue"]})
    words = ("run", "--trials", "4", "--resident", option, "--out", tmp_path / "out", study)
    answer = autotune(*words, cwd=tmp_path)
    assert answer.code == 0, str(answer)
    record = json.loads((tmp_path / "out" / "resident.json").read_text())
    assert record["way"] == way
    assert record["note"] in answer.stdout
    setup_s = [trial["sections"]["setup"] for trial in trials_of(tmp_path / "out") if trial["answered_from"] is None]
    assert all((seconds == 0.0) == bool(way) for seconds in setup_s)
    assert autotune.all_gone()
    again = autotune("run", "--trials", "6", *words[3:], cwd=tmp_path)
    assert again.code == 0, str(again)
    assert len(trials_of(tmp_path / "out")) == 6
