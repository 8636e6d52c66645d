"""An answer applied to the user's production command: by the way in of every trial, and in nobody's way."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from handed import SERIAL, TWO, execute

from autotune.best import Best, read_best
from autotune.errors import UsageError
from autotune.handover.production import production
from autotune.launch.command import parse_command
from autotune.observe.identity import identify_model


@pytest.fixture
def answer(answer_to: Callable[..., Path]) -> Callable[..., Path]:
    """`answer(*command, **changes)`, see handed.write_answer."""
    return answer_to


def test_the_settings_act_and_all_else_is_the_models_own(answer: Callable[..., Path], folder: Path):
    done = execute(answer(*SERIAL, dt=0.05, secondorder=2), folder, *SERIAL)
    assert (done.returncode, done.stdout) == (7, "dt 0.05 ranks 1 spikes 3 read 'a line'\n"), done.stderr
    assert "autotune" not in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["prints.hoc", "prints.py", "spiking.py"]


def test_on_two_ranks_and_in_hoc(answer: Callable[..., Path], folder: Path):
    done = execute(answer(*TWO, ranks=2, dt=0.05, nspike=2), folder, *TWO)
    assert "dt 0.05 ranks 2 spikes 3" in done.stdout, done.stderr
    nrniv = str(Path(sys.executable).with_name("nrniv"))
    hoc = (nrniv, "-nobanner", "prints.hoc")
    done = execute(answer(*hoc, dt=0.0125), folder, *hoc)
    assert "dt 0.0125" in done.stdout, done.stderr


def test_ranks_and_binding_go_into_the_command(answer: Callable[..., Path], folder: Path):
    words = ("mpiexec", "-n", "{ranks}", sys.executable, "prints.py", "mpi")
    ready = production(_ranked(answer, words), words, folder)
    assert ready.argv[:3] == ("mpiexec", "-n", "2")
    proved = production(read_best(answer(*words, ranks=5, dt=0.05)), words, folder)
    assert proved.argv[:3] == ("mpiexec", "-n", "5")
    with pytest.raises(UsageError, match="2 ranks were found best, the command starts 1"):
        production(_ranked(answer, words), ("mpiexec", "-n", "1", *words[3:]), folder)


def _ranked(answer: Callable[..., Path], words: tuple[str, ...]) -> Best:
    best = read_best(answer(*words, dt=0.05))
    return best.model_copy(update={"changes": {"ranks": 2, "dt": 0.05}})


def test_what_voids_the_proof_is_refused_and_force_warns(answer: Callable[..., Path], folder: Path):
    best = answer(*SERIAL, dt=0.05)
    with (folder / "prints.py").open("a") as file:
        file.write("# another model\n")
    done = execute(best, folder, *SERIAL)
    assert (done.returncode, done.stdout) == (2, "")
    assert "prints.py changed since" in done.stderr
    done = execute(best, folder, *SERIAL, options=("--force",))
    assert done.returncode == 7
    assert "prints.py changed since" in done.stderr
    assert "dt 0.05" in done.stdout
    done = execute(best, folder, *SERIAL, options=("--else-plain",))
    assert "dt 0.025" in done.stdout
    assert "run with your own settings" in done.stderr


def test_another_neuron_and_another_number_of_ranks_are_refused(answer: Callable[..., Path], folder: Path):
    best = read_best(answer(*TWO, ranks=2, dt=0.05))
    environment = best.environment
    other = best.model_copy(update={"environment": type(environment)(**{**vars(environment), "neuron": "NEURON 7"})})
    with pytest.raises(UsageError, match="tuned with NEURON 7"):
        production(other, TWO, folder)
    three = ("mpiexec", "-n", "3", *TWO[3:])
    with pytest.raises(UsageError, match="proved on 2 ranks"):
        production(best, three, folder)
    exact = read_best(answer(*TWO, ranks=2, safety="exact", nspike=2))
    assert production(exact, three, folder).warnings == (
        "proved on other arguments; --verify compares once with your own settings",
    )


def test_an_answer_without_improvement_changes_nothing(answer: Callable[..., Path], folder: Path):
    done = execute(answer(*SERIAL), folder, *SERIAL)
    assert done.returncode == 7
    assert "dt 0.025" in done.stdout
    assert "no improvement" in done.stderr


def test_verify_compares_once(answer: Callable[..., Path], folder: Path):
    same = execute(answer(*SERIAL, secondorder=0), folder, *SERIAL, options=("--verify",))
    assert same.returncode == 0, same.stderr
    assert same.stdout.startswith("identical: 3 of 3 spikes matched")
    other = execute(answer(*SERIAL, dt=0.5), folder, *SERIAL, options=("--verify",))
    assert other.stdout.startswith(("equivalent", "different")), other.stderr
    assert other.returncode == (0 if other.stdout.startswith("equivalent") else 1)


def test_verify_leaves_no_file(answer: Callable[..., Path], folder: Path):
    text = (folder / "prints.py").read_text()
    (folder / "prints.py").write_text(text.replace("h.stdinit()", 'open("written.txt", "w").write("x")\nh.stdinit()'))
    done = execute(answer(*SERIAL, secondorder=0), folder, *SERIAL, options=("--verify",))
    assert done.stdout.startswith("identical: 3 of 3"), done.stderr
    assert not (folder / "written.txt").exists()
    execute(folder.parent / "best.json", folder, *SERIAL)
    assert (folder / "written.txt").exists()


def test_where_neuron_does_not_say_its_version_it_is_told(answer: Callable[..., Path], folder: Path):
    program = folder.parent / "site" / "nrniv"  # a site's own wrapper, with no Python beside it
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {Path(sys.executable).with_name("nrniv")} "$@"\n')
    program.chmod(0o755)
    python = program.with_name("python")
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    words = (str(program), "-nobanner", "prints.hoc")
    best = read_best(answer(*words, dt=0.0125))
    assert any("does not say its version" in warning for warning in production(best, words, folder).warnings)


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_a_job_script_stays_as_it_is(answer: Callable[..., Path], folder: Path, shell: str):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    words = ("python", "prints.py", "it's")
    best = answer(*words, dt=0.05)
    own = Path(sys.executable).parent
    script = f"""
        PATH={own}:$PATH
        eval "$({sys.executable} -m autotune env '{best}')"
        echo a line | python prints.py "it's"
        echo "code $?"
        echo other | python prints.py other
    """
    done = subprocess.run([shell, "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    lines = done.stdout.splitlines()
    assert lines[0] == "dt 0.05 ranks 1 spikes 3 read 'a line'", done.stderr
    assert lines[1] == "code 7"
    assert lines[2] == "dt 0.025 ranks 1 spikes 3 read 'other'"


@pytest.mark.parametrize("first", ["{python}", "env"])
def test_who_wrote_python_in_the_study_types_a_name(answer: Callable[..., Path], folder: Path, first: str):
    """`{python}` in a study is whatever Python is typed in its place; the version of its NEURON is asked besides."""
    words = (first, "prints.py") if first == "{python}" else (first, "{python}", "prints.py")
    best = answer(*words, dt=0.05)
    typed = [word.replace("{python}", "python3") for word in words]
    own = Path(sys.executable).parent
    script = f"""
        PATH={own}:$PATH
        eval "$({sys.executable} -m autotune env '{best}')"
        echo a line | {" ".join(typed).replace("python3", "python")}
        echo other | {" ".join(typed)} x
    """
    done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.splitlines()[0] == "dt 0.05 ranks 1 spikes 3 read 'a line'", done.stderr
    assert done.stdout.splitlines()[1] == "dt 0.025 ranks 1 spikes 3 read 'other'", done.stderr
    assert not [w for w in production(read_best(best), typed, folder).warnings if "other arguments" in w]
    assert [w for w in production(read_best(best), [*typed, "x"], folder).warnings if "other arguments" in w]


def test_what_a_shim_cannot_apply_is_printed(answer: Callable[..., Path]):
    best = answer(*SERIAL, dt=0.05)  # a path is not looked up
    said = subprocess.run([sys.executable, "-m", "autotune", "env", best], capture_output=True, text=True, check=True)
    assert all(line.startswith("#") for line in said.stdout.splitlines())
    assert "exec" in said.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "schema_version None"),
        ('{"schema_version": 99}', "schema_version 99"),
        ('{"schema_version": 1}', "'study' is a required property"),
    ],
)
def test_a_file_that_is_no_answer_is_told(tmp_path: Path, text: str, says: str):
    file = tmp_path / "best.json"
    file.write_text(text)
    with pytest.raises(UsageError, match="best") as error:
        read_best(file)
    assert says in error.value.message


def test_what_is_written_is_read_back(answer: Callable[..., Path]):
    file = answer(*SERIAL, dt=0.05)
    assert json.loads(read_best(file).model_dump_json()) == json.loads(file.read_text())


@pytest.mark.parametrize("gone", [True, False], ids=["a file is gone", "another script"])
def test_another_model_is_refused(answer: Callable[..., Path], folder: Path, gone: bool):
    (folder / "part.py").write_text("# of the model\n")
    best = read_best(answer(*SERIAL, dt=0.05))
    if gone:
        (folder / "part.py").unlink()
    else:
        (folder / "other.py").write_text("from neuron import h\n")
    words = SERIAL if gone else (sys.executable, "other.py")
    with pytest.raises(UsageError, match="part.py changed since" if gone else "other.py is another model"):
        production(best, words, folder)
    assert production(best, words, folder, force=True).warnings


def test_compiled_mechanisms_belong_to_the_model(folder: Path):
    library = folder / platform.machine() / "libnrnmech.so"
    library.parent.mkdir()
    library.write_bytes(b"one build")
    first = identify_model(parse_command(SERIAL, folder)).files
    library.write_bytes(b"another build")
    again = identify_model(parse_command(SERIAL, folder)).files
    assert {name for name in first if first[name] != again[name]} == {f"{platform.machine()}/libnrnmech.so"}


def test_no_word_of_a_command_is_run_by_the_job_script(answer: Callable[..., Path], folder: Path):
    trap = "print 1\ntouch trapped\n"  # a statement of several lines
    for words in (("nrniv", "-c", trap), (sys.executable, "-c", trap)):
        best = answer(*words, dt=0.05)
        script = f"eval \"$({sys.executable} -m autotune env '{best}')\""
        subprocess.run(["bash", "-c", script], cwd=folder, check=True, capture_output=True, timeout=60)
        assert not (folder / "trapped").exists()


def test_an_answer_of_a_tool_with_other_knobs_is_refused(answer: Callable[..., Path], folder: Path):
    best = read_best(answer(*SERIAL, dt=0.05)).model_copy(update={"changes": {"warp": 9}})
    with pytest.raises(UsageError, match="no knob warp"):
        production(best, SERIAL, folder)
