"""The Python that runs a model, and what it says of itself and of its NEURON; nothing is simulated."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autotune.launch.command import Command, find_program
from autotune.launch.ways_in import interpreted
from autotune.launch.words import PYTHON

PROBE_TIMEOUT_S = 60.0
# Asked in the user's interpreter. `nrn_mpi` is whether the package was built with MPI at all.
PROBE = """
import json, sys
answer = {"python": sys.version.split()[0], "executable": sys.executable}
try:
    import numpy, neuron
    answer.update(numpy=numpy.__version__, neuron=neuron.h.nrnversion(), folder=neuron.__path__[0],
                  coreneuron=bool(neuron.h.nrnversion(6).count("NRN_ENABLE_CORENEURON=ON")))
except Exception as error:
    answer["error"] = "%s: %s" % (type(error).__name__, error)
print("\\n" + json.dumps(answer))
"""


def interpreter_of(command: Command, environment: Mapping[str, str], *, sure: bool = False) -> Path | None:
    """The Python that runs the model: the command's own, or the one that its nrniv belongs to; with `sure` none that
    only lies beside nrniv, or is first on PATH.
    """
    folder = command.program_cwd
    words = interpreted(tuple(command.render()[len(command.launcher) :]), folder, environment).words
    program = find_program(words[0], folder, environment) if words else None
    if program is None or PYTHON.fullmatch(program.name):
        return program
    try:
        first = program.open("rb").readline(512)
    except OSError:
        return None
    if first.startswith(b"#!") and b"python" in first:
        return Path(first[2:].decode().split()[0])
    if sure:
        return None
    beside = program.parent / "python"
    return beside if beside.exists() else find_program("python", folder, environment)


def ask(interpreter: Path, environment: Mapping[str, str], folder: Path | None = None) -> dict[str, Any]:
    """What it answers: python, executable and, where NEURON can be imported, numpy, neuron, folder, coreneuron; else
    error. In `folder` NEURON loads the mechanisms that are compiled there.
    """
    try:
        done = subprocess.run(
            [str(interpreter), "-c", PROBE],
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    try:
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))
    except (ValueError, IndexError):
        return {"error": f"it does not answer as a Python (exit code {done.returncode}) {done.stderr[-200:].strip()}"}


def neuron_of(command: Command, environment: Mapping[str, str], *, sure: bool = False) -> str:
    """The version of NEURON that the command runs, as its interpreter says; empty where none is found (see
    interpreter_of), or it does not say.
    """
    interpreter = interpreter_of(command, environment, sure=sure)
    if interpreter is None:
        return ""
    with TemporaryDirectory(prefix="autotune-empty-") as empty:  # where NEURON finds no mechanisms to load
        return str(ask(interpreter, environment, Path(empty)).get("neuron", ""))
