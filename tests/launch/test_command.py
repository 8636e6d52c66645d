"""How the user's command is understood."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autotune.errors import UsageError
from autotune.launch import check_programs, find_mpi, launch_environment, mpi_environment, parse_command


def parse(line: str, cwd: Path = Path("/")):
    return parse_command(line.split(), cwd)


@pytest.mark.parametrize(
    ("line", "form", "ranks", "launcher_words"),
    [
        ("python ring.py --cells 8", "python", 1, 0),
        ("python3.11 -u -W ignore ring.py", "python", 1, 0),
        ("{python} ring.py", "python", 1, 0),
        ("mpiexec -n 4 python -m net.ring", "python -m", 4, 3),
        ("/opt/mpi/bin/mpirun -np 2 nrniv -mpi init.hoc", "nrniv", 2, 3),
        ("mpiexec.hydra -genv A B -n 3 nrniv -python ring.py", "nrniv -python", 3, 6),
        ("orterun --mca btl self,vader --bind-to core -c 2 x86_64/special -mpi init.hoc", "special", 2, 8),
        ("prterun --np=2 x86_64/special -python init.py", "special -python", 2, 2),
        ("srun -c 4 --ntasks=16 -p debug nrniv -mpi init.hoc", "nrniv", 16, 6),
        ("srun -n8 nrniv init.hoc", "nrniv", 8, 2),
        ("mpiexec --unheard-of 7 -n=2 ./run.sh fast", "other", 2, 4),
        ("bash run.sh", "other", 1, 0),
    ],
)
def test_forms_launchers_and_counts_are_understood(line, form, ranks, launcher_words):
    command = parse(line)
    assert (command.form, command.ranks, len(command.launcher)) == (form, ranks, launcher_words)
    assert command.launcher + command.program == command.argv == tuple(line.split())
    assert not command.tunable_ranks


def test_placeholders_are_filled_and_other_braces_stay():
    command = parse("mpiexec -n {ranks} {python} ring.py --ranks={ranks} {'a':{}}")
    assert command.tunable_ranks
    assert 1 <= command.ranks <= (os.cpu_count() or 1)
    assert command.render(3) == ["mpiexec", "-n", "3", sys.executable, "ring.py", "--ranks=3", "{'a':{}}"]
    assert command.render()[2] == str(command.ranks) == str(command.asked_ranks())
    with pytest.raises(UsageError, match="at least one"):
        command.render(0)


def test_a_fixed_number_of_ranks_cannot_be_changed():
    command = parse("mpiexec -n 2 nrniv init.hoc")
    assert command.render(2) == list(command.argv)
    with pytest.raises(UsageError, match="always runs with 2 ranks") as error:
        command.render(4)
    assert "{ranks}" in error.value.cure


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "no command"),
        ("mpiexec -n 2", "no program"),
        ("mpiexec -n two python ring.py", "not a number of ranks"),
        ("mpiexec -n 0 python ring.py", "not a number of ranks"),
        ("mpiexec python ring.py", "number of ranks is not given"),
        ("mpiexec -n 1 python a.py : -n 1 python b.py", "Several programs"),
    ],
)
def test_a_command_that_cannot_be_tuned_is_refused_with_a_cure(line, message):
    with pytest.raises(UsageError, match=message) as error:
        parse(line)
    assert error.value.cure


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nrniv -c x=1 model.hoc", "nrniv pre.hoc -c x=1 model.hoc"),
        ("nrniv -NFRAME 1000 -mpi model.hoc -c x=1", "nrniv -NFRAME 1000 -mpi pre.hoc model.hoc -c x=1"),
        ("mpiexec -n 2 x86_64/special -nogui - model.hoc", "mpiexec -n 2 x86_64/special -nogui pre.hoc - model.hoc"),
        ("nrniv -dll lib.so", "nrniv -dll lib.so pre.hoc"),
        ("nrniv -python model.py", "nrniv -python model.py"),
        ("mpiexec -n 2 python model.py", "mpiexec -n 2 python model.py"),
    ],
)
def test_the_agents_hoc_file_comes_first_where_hoc_files_are_read(line, expected):
    assert parse(line).with_hoc(Path("pre.hoc")) == expected.split()


@pytest.mark.mpi
@pytest.mark.parametrize(
    "line",
    [
        "nrniv -c x=1 model.hoc",
        "nrniv -NSTACK 5000 -nobanner -c x=1 model.hoc",
        "mpiexec -n 1 nrniv -mpi -c x=1 model.hoc",
    ],
)
def test_real_nrniv_runs_the_inserted_file_before_the_statement_and_the_model(tmp_path, line):
    (tmp_path / "pre.hoc").write_text('print "PRE ", name_declared("x")\n')
    (tmp_path / "model.hoc").write_text('print "MODEL ", x\nquit()\n')
    command = parse(line, tmp_path)
    env = launch_environment(command, os.environ)
    env |= mpi_environment(find_mpi(command, env), env)
    words = command.with_hoc(tmp_path / "pre.hoc")
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith(("PRE", "MODEL"))]
    assert lines == [["PRE", "0"], ["MODEL", "1"]]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("python nets/ring.py", "ring"),
        ("mpiexec -n 2 nrniv nrngui.hoc init.hoc", "init"),
        ("nrniv -c x=1 my-net.hoc", "my-net"),
        ("python -m mpi4py ring.py", "ring"),
        ("python -m nets.ring", "ring"),
        ("python -c pass", "python"),
    ],
)
def test_a_study_is_named_after_its_script(line, name):
    assert parse(line).name() == name


def test_model_files_are_the_models_and_nothing_else(tmp_path):
    wanted = ["init.hoc", "cells/cell.hoc", "cells/k.mod", "params.json", "data/in.dat", "run.py"]
    unwanted = [
        "note.txt",
        "x86_64/k.c",
        "x86_64/a.py",
        ".git/a.py",
        "runs/a/b.json",
        "env/lib/a.py",
        "__pycache__/a.py",
        "results/study.json",
        "results/agent/autotune_agent/life.py",
        "best.json",
    ]
    for name in [*wanted, *unwanted, "env/pyvenv.cfg"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    command = parse("mpiexec -n 2 nrniv init.hoc --in=data/in.dat gone.dat", tmp_path)
    assert command.model_files() == sorted(tmp_path / name for name in wanted)
    assert command.script() == tmp_path / "init.hoc"


def test_model_files_stop_at_two_thousand(tmp_path):
    for number in range(2100):
        (tmp_path / f"{number}.json").touch()
    (tmp_path / "zz.py").touch()
    files = parse("python zz.py", tmp_path).model_files()
    assert len(files) == 2000
    assert tmp_path / "zz.py" in files


@pytest.mark.parametrize(
    ("line", "message", "cure"),
    [
        ("mpiexec.gone -n 2 python ring.py", "mpiexec.gone: not found on PATH", "MPI"),
        ("nrniv-not-here init.hoc", "nrniv-not-here: not found on PATH", "environment"),
        ("x86_64/special ring.hoc", "x86_64/special: there is no such program", "nrnivmodl"),
        ("./plain.sh", "is not executable", ""),
        ("python rong.py", "rong.py: there is no such file in ", "Did you mean ring.py?"),
        ("mpiexec -n 1 nrniv init.hoc", "init.hoc: there is no such file", ""),
        ("mpiexec -n 1 -wdir gone python ring.py", "gone: there is no such folder", ""),
    ],
)
def test_what_is_missing_is_said_before_anything_runs(tmp_path, line, message, cure):
    (tmp_path / "ring.py").touch()
    (tmp_path / "plain.sh").touch()
    command = parse(line, tmp_path)
    with pytest.raises(UsageError) as error:
        check_programs(command, launch_environment(command, os.environ))
    assert message in error.value.message
    assert cure in error.value.cure


def test_a_command_that_is_all_there_passes(tmp_path):
    (tmp_path / "ring.py").touch()
    command = parse("mpiexec -n 2 python -u ring.py", tmp_path)
    check_programs(command, launch_environment(command, os.environ))


def test_the_tuners_own_programs_are_the_last_resort(tmp_path):
    command = parse("mpiexec -n 2 python ring.py", tmp_path)
    base = {"PATH": "/usr/bin:/bin", "PWD": "/elsewhere", "KEEP": "this"}
    env = launch_environment(command, base)
    own = str(Path(sys.executable).parent)
    assert env == {"PATH": f"/usr/bin:/bin:{own}", "PWD": str(tmp_path), "KEEP": "this"}
    assert launch_environment(command, env) == env
