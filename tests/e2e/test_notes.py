"""What a watched run tells beside its figures: what did not stop the model, and which program it was that simulated."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autotune.launch.command import launch_environment, parse_command
from autotune.launch.mpi import find_mpi, mpi_environment
from autotune.launch.run import FreshRunner, stage_agent
from autotune.observe import observe

CELL = """from neuron import h
h.load_file("stdrun.hoc")
soma = h.Section(name="soma")
soma.insert("hh")
"""
RUN = "h.tstop = 5\nh.run()\n"


@pytest.fixture
def notes(tmp_path: Path) -> Callable[..., str]:
    """`notes(text, words…)`: the notes on a run of a script of this text."""
    stage_agent(tmp_path / "agent")

    def watched(text: str, *words: str) -> str:
        (tmp_path / "m.py").write_text(text)
        command = parse_command(words or (sys.executable, "m.py"), tmp_path)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = launch_environment(command, {**os.environ, "PATH": path})
        ranks = parse_command(["mpiexec", "-n", "2", "x"], tmp_path)  # a script may start some by itself
        environment |= mpi_environment(find_mpi(ranks, environment), environment)
        runner = FreshRunner(command, environment, tmp_path / "agent", tmp_path / "scratch")
        return "\n".join(observe(runner, None, 60)[0].notes)

    return watched


@pytest.mark.parametrize(
    ("statement", "error"),
    [("import no_such_module", "ModuleNotFoundError: No module named"), ("import (", "SyntaxError: invalid syntax")],
)
@pytest.mark.parametrize("program", ["python", "nrniv -python"])
def test_an_error_of_nrnpython_after_which_the_script_goes_on(
    statement: str, error: str, program: str, notes: Callable[..., str]
) -> None:
    words = [str(Path(sys.executable).with_name(program.split()[0])), *program.split()[1:], "m.py"]
    assert f"rank 0 went on after {error}" in notes(f"{CELL}h('{{nrnpython(\"{statement}\")}}')\n{RUN}", *words)


def test_an_error_of_hoc_behind_the_run(notes: Callable[..., str], tmp_path: Path) -> None:
    text = 'load_file("stdrun.hoc")\ncreate soma\ntstop = 5\nrun()\nno_such_procedure()\n'
    (tmp_path / "m.hoc").write_text(text)
    said = notes("", str(Path(sys.executable).with_name("nrniv")), "m.hoc")
    assert "hoc stopped at an error, and did not do what comes after it there: " in said
    assert "no_such_procedure" in said


def test_a_script_whose_child_simulates(notes: Callable[..., str]) -> None:
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {CELL + RUN!r}])\n"
    said = notes(child)
    assert "the command itself simulates nothing, what it starts does: " in said
    assert f"{sys.executable} -c 'from neuron import h" in said
    assert "itself simulates nothing" not in notes(CELL + RUN)


@pytest.mark.mpi
def test_a_shell_script_that_starts_mpiexec(notes: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "go.sh").write_text(f"mpiexec -n 1 {sys.executable} m.py\n")
    assert f"what it starts does: mpiexec -n 1 {sys.executable} m.py" in notes(CELL + RUN, "sh", "go.sh")
