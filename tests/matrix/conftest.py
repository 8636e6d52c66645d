"""Environments that know nothing of the tuner, made once with pip.

They live in the folder that the variable AUTOTUNE_TEST_ENVIRONMENTS names, else in pytest's cache, and survive.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from model_bench import MODELS, Bench

VERSIONS = ("8.2.7", "9.0.2")

Environments = Callable[..., Path]


@pytest.fixture(scope="session")
def environments(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """A function: requirements (and an interpreter) to the folder of programs of an environment that has them."""
    named = os.environ.get("AUTOTUNE_TEST_ENVIRONMENTS")
    cache = getattr(request.config, "cache", None)
    kept = cache.mkdir("environments") if cache else tmp_path_factory.mktemp("environments")
    root = Path(named) if named else Path(kept)
    root.mkdir(parents=True, exist_ok=True)

    def make(*requirements: str, python: str = sys.executable) -> Path:
        said = subprocess.run([python, "-c", "import sys; print('%d%d' % sys.version_info[:2])"], capture_output=True)
        home = root / "-".join(
            ["py" + said.stdout.decode().strip(), *(word.replace("==", "-") for word in requirements)]
        )
        with (root / (home.name + ".lock")).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (home / "ready").exists():
                shutil.rmtree(home, ignore_errors=True)
                subprocess.run([python, "-m", "venv", home], check=True)
                subprocess.run([home / "bin/pip", "install", "--quiet", *requirements], check=True)
                (home / "ready").touch()
        return home / "bin"

    return make


@pytest.fixture(scope="session", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def special(version: str, environments: Environments, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what nrnivmodl makes of a few small mod files."""
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp(f"special-{version}")
    for file in (*(MODELS[0] / "mod").glob("*.mod"), *(MODELS[0] / "parts").glob("*.mod")):
        if "RANDOM" not in file.read_text() or version >= "9":
            shutil.copy(file, folder)
    programs = environments(f"neuron=={version}")
    environment = {**os.environ, "PATH": os.pathsep.join([str(programs), os.environ["PATH"]])}
    made = subprocess.run([programs / "nrnivmodl"], cwd=folder, env=environment, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.fixture
def bench(version: str, environments: Environments, tmp_path: Path) -> Bench:
    return Bench(tmp_path, environments(f"neuron=={version}"))
