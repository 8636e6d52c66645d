"""What the matrix shares: NEURON in both versions, each in an environment that knows nothing of the tuner."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from model_bench import MODELS, VERSIONS, Bench, Environments


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The older NEURON is left out of `make test`, and what is marked `newest` of CI, too; `make test-all` asks all."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is not None and callspec.params.get("version") in VERSIONS[:-1]:
            item.add_marker(pytest.mark.slow if item.get_closest_marker("newest") else pytest.mark.ci)


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
