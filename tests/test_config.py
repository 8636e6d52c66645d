"""study.toml: what it may say, and errors that name file, line, key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotune.config import StudyConfig, make_config, read_study
from autotune.errors import ExitCode, UsageError

STUDIES = Path(__file__).parents[1] / "studies"


@pytest.fixture
def read(tmp_path):
    """`read(text)`: the study of a study.toml with this text, in a folder named ring."""

    def write_and_read(text: str | bytes) -> StudyConfig:
        folder = tmp_path / "ring"
        folder.mkdir(exist_ok=True)
        (folder / "study.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_study(folder)

    return write_and_read


def test_a_command_is_enough(read, tmp_path):
    config = read("command = \"mpiexec -n 2 python model.py --name 'two words'\"\n")
    assert config.command == ("mpiexec", "-n", "2", "python", "model.py", "--name", "two words")
    assert config.name == "ring"
    assert config.folder == tmp_path / "ring"
    assert config.search.trials == 30


def test_the_command_may_be_a_list_and_run_in_another_folder(read, tmp_path):
    config = read('command = ["python", "model.py"]\nfolder = "sub"\nname = "mine"\n')
    assert (config.command, config.folder, config.name) == (("python", "model.py"), tmp_path / "ring" / "sub", "mine")


def test_a_folder_with_a_blank_in_its_name_still_names_its_study(tmp_path):
    (tmp_path / "my ring").mkdir()
    (tmp_path / "my ring" / "study.toml").write_text('command = "python model.py"\n')
    assert read_study(tmp_path / "my ring").name == "my_ring"


def test_a_study_is_found_by_its_file_too(read, tmp_path):
    read('command = "python model.py"\n')
    assert read_study(tmp_path / "ring" / "study.toml").name == "ring"


BAD = {
    "broken TOML": ('command = "python model.py"\n[search\ntrials = 3\n', "not valid TOML: ", "line 2"),
    "no quotes": ("command = python model.py\n", "not valid TOML: ", "line 1"),
    "no command": ('name = "ring"\n', "key 'command' is missing", ""),
    "empty command": ('command = ""\n', "study.toml:1: command", "at least 1 item"),
    "unknown table": (
        'command = "x"\n\n[serch]\ntrials = 3\n',
        "study.toml:3: unknown key 'serch'; did you mean 'search'?",
        "allowed here: name, command, folder, search, accept",
    ),
    "unknown key": (
        'command = "x"\n[search]\nseed = 1\ntrails = 3\n',
        "study.toml:4: unknown key 'search.trails'; did you mean 'trials'?",
        "allowed here: trials, time_budget_s, budget, seed",
    ),
    "unknown key without a table": ('command = "x"\nspeed = 3\n', "study.toml:2: unknown key 'speed'", "allowed here:"),
    "wrong type": (
        'command = "x"\n[search]\ntrials = "many"\n',
        "study.toml:3: search.trials = 'many': Input should be a valid integer",
        "number of trials",
    ),
    "out of range": (
        'command = "x"\n\n[confirm]\n# a remark\nmost_pairs = 2\n',
        "study.toml:5: confirm.most_pairs = 2: Input should be greater than or equal to 4",
        "fresh starts of the model",
    ),
    "fewer pairs than a proof needs": (
        'command = "x"\n[confirm]\npairs = 3\n',
        "study.toml:3: confirm.pairs = 3",
        "greater than or equal to 4",
    ),
    "a table that is no table": ('command = "x"\nsearch = 3\n', "study.toml:2: search = 3", "dictionary"),
    "dotted keys": (
        'command = "x"\nsearch.trials = 0\n',
        "study.toml:2: search.trials = 0",
        "greater than or equal to 1",
    ),
    "unknown knob": (
        'command = "x"\n[search]\nknobs = ["dt", "nspik"]\n',
        "study.toml:3: search.knobs = ['dt', 'nspik']",
        "there is no knob 'nspik'; did you mean nspike?",
    ),
    "a name that is no file name": (
        'command = "x"\nname = "my ring"\n',
        "study.toml:2: name = 'my ring'",
        "without spaces",
    ),
    "not text": (b'command = "\xff"\n', "study.toml: cannot be read", "utf-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_broken_study_is_told_where_what_and_what_is_allowed(read, case):
    text, what, allowed = BAD[case]
    with pytest.raises(UsageError) as caught:
        read(text)
    message = str(caught.value)
    assert "ring/study.toml" in message
    assert what.replace("study.toml", "ring/study.toml") in message
    assert allowed in message
    assert caught.value.exit_code == ExitCode.USAGE == 2


def described(model, name=""):
    for key, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from described(field.annotation, f"{name}.{key}" if name else key)
        elif name:
            yield name, key, field.description or ""


DESCRIBED = list(described(StudyConfig))
UNITS = {"ms": "ms", "mv": "mV", "s": "seconds"}


@pytest.mark.parametrize(("section", "key", "description"), DESCRIBED, ids=lambda text: text[:20])
def test_a_description_stands_alone_because_an_error_shows_no_other(section, key, description):
    first, unit = description.split()[0], UNITS.get(key.rpartition("_")[2])
    assert first.lower() not in ("and", "if", "unless", "but", "of", "the_same", "such", "within", "below", "above")
    assert len(description.split()) >= 4
    assert unit is None or unit in description.split() or f"{unit}," in description or f"{unit};" in description


def test_an_error_about_ringing_needs_no_other_key_to_be_understood(read):
    with pytest.raises(UsageError) as caught:
        read('command = "x"\n[accept]\nringing_factor = 0.5\n')
    assert "(where your own run rings, a trial may ring so many times as far)" in caught.value.message


def test_all_mistakes_are_told_at_once(read):
    with pytest.raises(UsageError) as caught:
        read('command = "x"\n[search]\ntrials = 0\nseed = -1\n[confirm]\nalpha = 2\n')
    lines = caught.value.message.splitlines()
    assert [line.split(": ")[0].rpartition(":")[2] for line in lines] == ["3", "4", "6"]


def test_an_error_from_the_command_line_needs_no_file():
    with pytest.raises(UsageError, match=r"^search\.trials = 0: "):
        make_config({"name": "ring", "command": ["python"], "search": {"trials": 0}})


@pytest.mark.parametrize("study", sorted(path.parent.name for path in STUDIES.glob("*/study.toml")))
def test_the_studies_that_we_ship_can_be_read(study):
    assert read_study(STUDIES / study).command
