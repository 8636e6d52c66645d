"""The agent runs in the user's Python, 3.9 to 3.13, where nothing of the tuner is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from model_bench import Bench

# The newest NEURON that has a wheel for each.
PYTHONS = {"3.9": "8.2.7", "3.10": "9.0.2", "3.12": "9.0.2", "3.13": "9.0.2"}


def find_python(version: str) -> str | None:
    """An interpreter of this version that really starts: a link on PATH may lead to a tool that has none."""
    versions = Path.home() / ".pyenv" / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(versions.glob(f"{version}.*/bin/python"))]
    for candidate in filter(None, candidates):
        asked = subprocess.run([candidate, "-c", "import venv, ensurepip"], capture_output=True)
        if asked.returncode == 0:
            return os.fspath(candidate)
    return None


@pytest.mark.parametrize(
    "python", [pytest.param(each, marks=pytest.mark.slow if each in ("3.10", "3.12") else ()) for each in PYTHONS]
)
def test_a_model_in_this_python_is_watched(python: str, environments, tmp_path: Path) -> None:
    interpreter = find_python(python)
    if interpreter is None:
        pytest.skip(f"no Python {python} on this machine")
    bench = Bench(tmp_path, environments(f"neuron=={PYTHONS[python]}", python=interpreter))
    plain = bench.plain("python ending.py sys.exit")
    run, watched = bench.watched("python ending.py sys.exit")
    assert watched == plain
    assert run.reports[0].python.startswith(python + ".")
    assert f"{len(run.raster)} spikes" in watched.stdout
