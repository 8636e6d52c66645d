"""What shuts the agent out is found in the command's words, each with its cure."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from autotune.launch.command import parse_command
from autotune.launch.panels import only_panels
from autotune.launch.ways_in import shut_out

SCRIPTS = {
    "dashE": "#!/usr/bin/env -S python -E\n",
    "dashI": f"#!{sys.executable} -I\n",
    "cleared": "#!/usr/bin/env -iS python\n",
    "run.sh": "#!/bin/sh\ncd .\nexec nrniv -nobanner model.hoc -c 'run()'\n",
    "mpi.sh": "#!/bin/bash\nmpiexec -n 2 nrniv -mpi model.hoc\n",
    "python.sh": "#!/bin/sh\npython model.py\n",
    "plain.py": "#!/usr/bin/env python\n",
    "started.hoc": "#!/usr/bin/env nrniv\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in SCRIPTS.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for name in ("nrniv", "special", "python", "mpiexec", "srun"):
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def look(folder: Path, *words: str) -> str:
    """What is said of this command, and the cure, in one line; empty where nothing is against it."""
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    shut = shut_out(parse_command(words, folder), {"PATH": path})
    return f"{shut.what}. {shut.cure}" if shut else ""


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("nrniv", "names no file, so that nrniv would read the model from standard input"),
        ("nrniv -", "names no file"),
        ("nrniv -nobanner -", "names no file"),
        ("mpiexec -n 2 nrniv -mpi", "names no file"),
        ("special", "names no file"),
        ("python", "Write the text into a file and name it: python model.py"),
        ("python -", "names no file, so that python would read"),
        ("python -u", "names no file"),
        ("python -E model.py", "python -E does not look at it. Leave -E out."),
        ("python -uI model.py", "Leave -I out."),
        ("python -S model.py", "Leave -S out."),
        ("mpiexec -n 2 python -E -m model", "Leave -E out."),
        ("env -i python model.py", "env -i: the agent comes in by the variable PYTHONPATH, which is taken away there"),
        ("env - A=1 python model.py", "env -: "),
        ("env -u PYTHONPATH python model.py", "env sets or unsets PYTHONPATH"),
        ("env PYTHONPATH=lib python model.py", "export PYTHONPATH="),
        ("env A=1 python -E model.py", "Leave -E out."),
        ("env A=1 nrniv model.hoc", "Give the command itself: nrniv model.hoc"),
        ("nrniv -nopython model.hoc", "Leave -nopython out."),
        ("./dashE", "Leave -E out."),
        ("./dashI", "Leave -I out."),
        ("./cleared", "Leave -i out"),
        ("./started.hoc", "nrniv runs hoc here behind another program"),
        ("./run.sh", "Give the command itself: nrniv -nobanner model.hoc -c 'run()'"),
        ("sh run.sh", "Give the command itself: nrniv -nobanner model.hoc -c 'run()'"),
        ("bash mpi.sh", "Give the command itself: mpiexec -n 2 nrniv -mpi model.hoc"),
        ("srun -n 2 --export=NONE python model.py", "Leave --export=NONE out."),
        ("mpiexec -n 2 -genvnone python model.py", "Leave -genvnone out."),
    ],
)
def test_what_shuts_the_agent_out_is_told_with_its_cure(line: str, what: str, folder: Path) -> None:
    assert what in look(folder, *line.split())


@pytest.mark.parametrize(
    "line",
    [
        "nrniv model.hoc",
        "nrniv model.hoc -",
        "nrniv -c run()",
        "nrniv -python model.py -E",
        "mpiexec -n 2 special -mpi model.hoc",
        "python -u -W ignore model.py -I",
        "python -m model -E",
        "python -c pass",
        "env A=1 python model.py",
        "./plain.py",
        "./python.sh",
        "srun -n 2 --export=ALL,A=1 python model.py",
    ],
)
def test_what_lets_it_in_is_not_refused(line: str, folder: Path) -> None:
    assert look(folder, *line.split()) == ""


@pytest.mark.parametrize(
    ("loaded", "waits"),
    [
        ("proc run_it() {\n  run()\n}\n", True),
        ("// run() comes later\n", True),
        ("run()\n", False),
        ("while (t < 5) fadvance()\n", False),
    ],
)
def test_files_of_which_only_a_button_starts_a_run_are_found(loaded: str, waits: bool, tmp_path: Path) -> None:
    (tmp_path / "mosinit.hoc").write_text('load_file("net.hoc")\nxpanel("p")\nxbutton("go", "run()")\nxpanel()\n')
    (tmp_path / "net.hoc").write_text(loaded)
    assert only_panels(("nrniv", "mosinit.hoc"), tmp_path) is waits
    assert not only_panels(("nrniv", "mosinit.hoc", "-c", "run()"), tmp_path)
