"""The doctor says what would be used to run a model, and what to do about each thing that is missing."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from autotune.cli import main
from autotune.doctor import Finding, examine
from autotune.errors import ExitCode
from autotune.launch.command import parse_command

MODELS = Path(__file__).parent / "models"


def look(folder: Path, *words: str) -> tuple[dict[str, list[Finding]], ExitCode]:
    findings, code = examine(parse_command(list(words), folder))
    named: dict[str, list[Finding]] = {}
    for finding in findings:
        named.setdefault(finding.name, []).append(finding)
    return named, code


@pytest.mark.mpi
def test_a_good_command_has_interpreter_neuron_launcher_library_and_one_world() -> None:
    named, code = look(MODELS, "mpiexec", "-n", "2", "{python}", "small_ring.py")
    assert code == ExitCode.DONE
    assert sys.executable in named["tuner"][0].text
    assert "Python" in named["NEURON"][0].text
    assert "libmpi" in named["MPI library"][0].text
    assert named["MPI world"][0].text == "one world of 2 ranks"
    assert "cores" in named["machine"][0].text


def test_an_interpreter_without_neuron_is_missing_with_its_cure(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -I "$@"\n')
    python.chmod(0o755)
    named, code = look(MODELS, str(python), "small_ring.py")
    assert named["NEURON"][0].status == "missing"
    assert "{python}" in named["NEURON"][0].cure
    assert code == ExitCode.USAGE


def test_mod_files_that_are_not_compiled_are_missing_and_stale_ones_are_noted(tmp_path: Path) -> None:
    shutil.copy(MODELS / "small_ring.py", tmp_path)
    (tmp_path / "k.mod").write_text("NEURON { SUFFIX k }")
    named, code = look(tmp_path, "{python}", "small_ring.py")
    assert "1 mod files, not compiled" in named["mechanisms"][0].text
    assert code == ExitCode.USAGE
    library = tmp_path / "x86_64" / "libnrnmech.so"
    library.parent.mkdir()
    library.touch()
    os.utime(library, (1, 1))
    named, _ = look(tmp_path, "{python}", "small_ring.py")
    assert named["mechanisms"][0].status == "ok"
    assert "k.mod" in named["mechanisms"][1].text


def test_a_script_that_is_not_there_ends_the_examination(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--", "mpiexec", "-n", "2", "{python}", "no_such_model.py"]) == ExitCode.USAGE
    assert "no_such_model.py" in capsys.readouterr().out


@pytest.mark.mpi
def test_without_a_command_it_examines_what_the_tuner_brings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == ExitCode.DONE
    assert "one world of 2 ranks" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("first", ["#!/usr/bin/env -S python -E", f"#!{sys.executable} -E"])
def test_a_way_in_that_is_shut_is_missing_and_the_python_behind_it_is_asked(
    first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    script = tmp_path / "model"
    script.write_text(f"{first}\n")
    script.chmod(0o755)
    named, code = look(tmp_path, "./model")
    assert named["agent"][0].status == "missing"
    assert "Leave -E out" in named["agent"][0].cure
    assert named["NEURON"][0].status == "ok"
    assert code == ExitCode.USAGE


def test_a_model_that_waits_for_a_button_is_noted_with_the_command_that_does_not(tmp_path: Path) -> None:
    (tmp_path / "mosinit.hoc").write_text('load_file("nrngui.hoc")\nxpanel("p")\nxbutton("go", "run()")\nxpanel()\n')
    nrniv = str(Path(sys.executable).with_name("nrniv"))
    named, _ = look(tmp_path, nrniv, "mosinit.hoc")
    assert f"{nrniv} mosinit.hoc -c 'run()'" in named["run"][0].cure
