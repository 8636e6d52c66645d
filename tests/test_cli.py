"""The command line: bad input ends with one clear message and the right exit code, and leaves nothing half-written."""

from __future__ import annotations

import csv
import errno
import json
import signal
from pathlib import Path

import pytest

from autotune import __version__
from autotune.cli import main


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    """`cli(*words)` in an empty folder: exit code, standard output, standard error."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: str | Path) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    yield call
    signal.signal(signal.SIGTERM, handler)


def refused(answer: tuple[int, str, str]) -> str:
    """The message of a command that is refused; nothing was printed beside it, and it is no traceback."""
    code, out, err = answer
    assert code == 2, err
    assert out == ""
    assert err.startswith("autotune: ")
    assert "Traceback" not in err
    return err


def test_nothing_to_tune(cli, tmp_path):
    message = refused(cli("run"))
    assert "nothing to tune" in message
    assert "python -m autotune run studies/ring" in message
    assert not any(tmp_path.iterdir())


def test_either_a_study_or_a_command(cli, make_study, tmp_path):
    make_study(tmp_path / "ring")
    assert "give either a study or a command, not both" in refused(cli("run", "ring", "--", "python", "model.py"))
    assert not (tmp_path / "runs").exists()


def test_an_empty_command(cli):
    assert "There is no command to tune" in refused(cli("run", "--"))


def test_an_unknown_study_and_the_nearest_one(cli, make_study, tmp_path):
    make_study(tmp_path / "studies" / "ring")
    message = refused(cli("run", "studies/rign"))
    assert "studies/rign: no study there" in message
    assert "Did you mean studies/ring?" in message


def test_a_broken_study(cli, make_study, tmp_path):
    study = make_study(tmp_path / "ring", search={"trails": 3})
    line = (study / "study.toml").read_text().splitlines().index("trails = 3") + 1
    message = refused(cli("run", "ring"))
    assert f"ring/study.toml:{line}: unknown key 'search.trails'; did you mean 'trials'?" in message
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_a_study(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty: no study there (empty/study.toml does not exist)" in refused(cli("run", "empty"))


@pytest.mark.parametrize("option", ["--knobs", "--exclude"])
def test_a_knob_that_does_not_exist_and_the_nearest_name(cli, make_study, tmp_path, option):
    make_study(tmp_path / "ring")
    message = refused(cli("run", option, "dt,nspik", "ring"))
    assert "there is no knob 'nspik'; did you mean nspike?" in message
    assert not (tmp_path / "runs").exists()


def test_a_knob_that_is_like_no_other(cli, make_study, tmp_path):
    make_study(tmp_path / "ring")
    assert "there is no knob 'xyz'; the knobs are " in refused(cli("run", "--knobs", "xyz", "ring"))


@pytest.mark.parametrize(
    ("option", "value", "limit"),
    [("--trials", "0", "greater than or equal to 1"), ("--time-budget", "0", "greater than 0"), ("--seed", "-1", "0")],
)
def test_a_number_out_of_range(cli, make_study, tmp_path, option, value, limit):
    make_study(tmp_path / "ring")
    message = refused(cli("run", option, value, "ring"))
    assert option.strip("-").split("-")[0] in message
    assert limit in message


@pytest.mark.parametrize("words", [("run", "--trials", "many", "ring"), ("run", "--fast"), ("tune",)])
def test_options_and_commands_that_are_not_there(cli, words):
    code, out, err = cli(*words)
    assert code == 2
    assert "Error" in err
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["nosuchprogram", "model.py"], "nosuchprogram: not found on PATH."),
        (["mpiexec", "-n", "2", "nosuchprogram"], "nosuchprogram: not found on PATH."),
        (["./special", "-mpi", "init.hoc"], "./special: there is no such program"),
        (["python", "modell.py"], "modell.py: there is no such file in "),
        (["mpiexec", "-n", "none", "python", "model.py"], "-n none: not a number of ranks."),
    ],
)
def test_a_command_that_is_not_there(cli, tmp_path, command, message):
    (tmp_path / "model.py").touch()
    assert message in refused(cli("run", "--", *command))
    assert [path.name for path in tmp_path.iterdir()] == ["model.py"]


@pytest.mark.parametrize(
    ("also", "message"),
    [("nosuchprogram --seed 2", "nosuchprogram: not found on PATH."), ("python m.py a-secret-word", "$A_TOKEN")],
)
def test_a_command_that_the_winner_could_not_be_checked_on_is_refused_before_the_search(
    cli, make_study, tmp_path, monkeypatch, also, message
):
    monkeypatch.setenv("A_TOKEN", "a-secret-word")
    make_study(tmp_path / "ring")
    assert message in refused(cli("run", "--also", also, "ring"))
    assert [path.name for path in tmp_path.iterdir()] == ["ring"]


def test_a_model_file_with_a_slip_in_its_name(cli, tmp_path):
    (tmp_path / "model.py").touch()
    assert "Did you mean model.py?" in refused(cli("run", "--", "python", "modell.py"))


def test_a_folder_with_files_of_someone_else_is_left_as_it_is(cli, make_study, tmp_path, listing):
    make_study(tmp_path / "ring")
    foreign = tmp_path / "results"
    (foreign / "trials").mkdir(parents=True)
    for name in ("notes.txt", "package.json", ".lock", "trials/0000.json"):
        (foreign / name).write_text("mine")
    before = listing(foreign)
    for options in ((), ("--fresh",)):
        message = refused(cli("run", *options, "--out", "results", "ring"))
        assert "results: holds files that no study wrote" in message
        assert listing(foreign) == before


def test_the_place_is_a_file(cli, make_study, tmp_path):
    make_study(tmp_path / "ring")
    (tmp_path / "out").write_text("mine")
    assert "out: is a file, not a study folder" in refused(cli("run", "--out", "out", "ring"))
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("url", ["nosuch://host/db", "sqlite:////nosuch/folder/optuna.db"])
def test_a_storage_that_cannot_be_opened_is_told_before_anything_is_run(cli, make_study, tmp_path, url):
    make_study(tmp_path / "ring")
    assert "Cannot open the storage" in refused(cli("run", "--storage", url, "ring"))
    assert not list(tmp_path.rglob("observation.json"))


@pytest.mark.parametrize("command", ["export", "trials", "dashboard"])
@pytest.mark.parametrize("folder", ["nosuch", "empty", "file"])
def test_a_folder_that_is_no_study(cli, tmp_path, command, folder):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    message = refused(cli(command, folder))
    assert f"{folder}: no study there" in message
    assert "for example runs/ring" in message


def test_a_damaged_record_is_named_with_its_cure(cli, recipe_study, copy_of):
    study = copy_of(recipe_study)
    (study.out / "trials" / "0001.json").write_text('{"number": 1, ')
    message = refused(cli("trials", study.out))
    assert "trials/0001.json: is damaged or from another version" in message
    assert "Remove that file to make this step again" in message


def test_a_record_that_may_not_be_read_is_not_to_be_removed(cli, recipe_study, copy_of, monkeypatch):
    study = copy_of(recipe_study)

    def refuse(file: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(file))

    monkeypatch.setattr("autotune.store.record_file.bytes_of", refuse)
    message = refused(cli("trials", study.out))
    assert "study.json: cannot be read: Permission denied" in message
    assert "permissions" in message
    assert "emove" not in message


@pytest.mark.parametrize("name", ["nosuch/best.json", "."])
def test_an_answer_that_cannot_be_written(cli, recipe_study, name):
    assert "cannot be written" in refused(cli("export", recipe_study.out, "-o", name))


def test_trials_as_a_table(cli, recipe_study):
    code, out, _ = cli("trials", recipe_study.out)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["trial", "settings", "verdict", "time", "ratio", "why"]
    assert "baseline" in lines[1]
    assert len(lines) >= 6


def test_trials_as_json_say_all_that_is_known_of_them(cli, recipe_study):
    code, out, _ = cli("trials", recipe_study.out, "--json")
    assert code == 0
    rows, records = json.loads(out), recipe_study.trials()
    assert [row["number"] for row in rows][:5] == [0, 1, 2, 3, 4]
    assert len(rows) <= 6  # with the winner simplified
    for row, record in zip(rows, records, strict=True):
        assert row["verdict"] == record["verdict"]
        assert row["ratio"] == pytest.approx(record["ratio"])
        assert row["distance"] == pytest.approx(record["distance"])
        assert row["reason"] == record["reason"]
        assert row["requested.dt"] == record["params"]["dt"]
        assert row["effective.nspike"] == record["effective"]["nspike"]
        assert row["run_s"] == pytest.approx(record["sections"]["run"])
        assert row["exchange_s"] == pytest.approx(record["sections"]["exchange"])
    assert rows[0]["requested.gid_compress"] is None  # it cannot act without nspike
    assert rows[1]["requested.gid_compress"] is True


def test_trials_as_a_csv_file(cli, recipe_study, tmp_path):
    code, out, _ = cli("trials", recipe_study.out, "--csv", "trials.csv")
    assert (code, out) == (0, "")
    with (tmp_path / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows][:5] == ["0", "1", "2", "3", "4"]
    assert [row["verdict"] for row in rows] == [trial["verdict"] for trial in recipe_study.trials()]
    assert {"requested.nspike", "effective.nspike", "ratio", "distance", "setup_s", "run_s", "reason"} <= set(rows[0])


def test_a_table_that_cannot_be_written(cli, recipe_study):
    assert "nosuch/trials.csv: cannot be written" in refused(
        cli("trials", recipe_study.out, "--csv", "nosuch/trials.csv")
    )


def test_the_answers_of_a_study_are_where_the_user_wants_them(cli, recipe_study, tmp_path):
    code, out, _ = cli("export", recipe_study.out)
    assert (code, out) == (0, "best.json written\n")
    assert json.loads((tmp_path / "best.json").read_text())["study"] == "ring"


def test_an_answer_in_another_format_has_a_name_of_its_own_or_goes_to_standard_output(cli, recipe_study, tmp_path):
    assert cli("export", recipe_study.out, "--format", "python")[:2] == (0, "tuned.py written\n")
    compile((tmp_path / "tuned.py").read_text(), "tuned.py", "exec")
    code, out, _ = cli("export", recipe_study.out, "--format", "t4", "-o", "-")
    assert code == 0
    assert len(json.loads(out)["results"]) == len(recipe_study.trials())
    assert [path.name for path in tmp_path.iterdir()] == ["tuned.py"]


def test_a_format_that_does_not_exist(cli, recipe_study, tmp_path):
    assert "there is no format 'yaml'" in refused(cli("export", recipe_study.out, "--format", "yaml"))
    assert not any(tmp_path.iterdir())


def test_help_names_every_command(cli):
    code, out, _ = cli("--help")
    assert code == 0
    for command in ("run", "export", "list", "show", "trials", "dashboard"):
        assert command in out


def test_the_version(cli):
    assert cli("--version") == (0, f"neuron-autotune {__version__}\n", "")


def test_standard_output_of_run_is_the_answer_alone_as_json(cli, recipe_study, copy_of):
    finished = copy_of(recipe_study)
    code, out, err = cli("run", "--json", "--out", finished.out, finished.study)
    assert code == 0
    assert json.loads(out)["evidence"]["trials"] == len(finished.trials())
    assert "Searching" in err


def test_what_the_doctor_finds_as_json(cli):
    code, out, _ = cli("doctor", "--json", "--", "nosuchprogram", "model.py")
    found = json.loads(out)
    assert code == found["exit_code"] == 2
    (command,) = [finding for finding in found["findings"] if finding["name"] == "command"]
    assert command["status"] == "missing"
    assert "nosuchprogram: not found on PATH" in command["text"]
