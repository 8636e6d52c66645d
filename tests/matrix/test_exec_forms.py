"""`exec` starts every form of launch, in both NEURONs, with the settings in effect: the spikes are the trial's."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from model_bench import LIMIT_S, Bench
from test_by_hand import DEMO
from test_forms import HOC_FORMS, PYTHON_FORMS

from autotune.best import Best, write_best
from autotune.export import make_best
from autotune.launch.interpreter import ask
from autotune.observe.identity import identify_model
from autotune.raster import Raster, read_raster
from autotune.store.folder import open_finished

CHANGES = {"dt": 0.05, "secondorder": 2}
FORMS = {**PYTHON_FORMS, **HOC_FORMS}
QUICK = ("python", "nrniv")  # in every run of the tests; the others in `make test-all`
_of_trials: dict[tuple[str, bool, int], Raster] = {}


def trial_raster(bench: Bench, version: str, form: str, ranks: int) -> Raster:
    """Of a trial with these settings; forms of one language run one model."""
    hoc = form in HOC_FORMS
    key = (version, hoc, ranks)
    if key not in _of_trials:
        line = (HOC_FORMS["nrniv"] if hoc else PYTHON_FORMS["python"]).format(mpi=" -mpi" * (ranks > 1))
        run, _ = bench.watched(f"mpiexec -n {ranks} {line}" if ranks > 1 else line, CHANGES, observe=False)
        _of_trials[key] = run.raster
    return _of_trials[key]


@cache
def neuron_of(programs: Path) -> str:
    """What the NEURON of an environment says of itself."""
    return str(ask(programs / "python", dict(os.environ))["neuron"])


def answer(bench: Bench, line: str, ranks: int, study: Path) -> Best:
    """The demo's answer, as if it had been found for this command."""
    best = make_best(*open_finished(study))
    runner = bench.runner(line)
    neuron = neuron_of(bench.programs)
    environment = {**vars(best.environment), "neuron": neuron, "ranks": ranks}
    model = identify_model(runner.command)
    return best.model_copy(
        update={"changes": CHANGES, "model": model, "environment": type(best.environment)(**environment)}
    )


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [2, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "form", [form if form in QUICK else pytest.param(form, marks=pytest.mark.slow) for form in FORMS]
)
def test_every_form_of_launch_gives_the_spikes_of_the_trial(
    form: str, ranks: int, version: str, bench: Bench, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    special = ""
    if "special" in form:
        bench.extra = [request.getfixturevalue("special")]
        special = str(next(bench.extra[0].glob("*/special")).relative_to(bench.extra[0]))
    line = FORMS[form].format(mpi=" -mpi" * (ranks > 1), special=special)
    line = f"mpiexec -n {ranks} {line}" if ranks > 1 else line
    wanted = trial_raster(bench, version, form, ranks)
    best = answer(bench, line, ranks, DEMO)
    write_best(best, tmp_path / "best.json")
    path = os.pathsep.join([str(bench.programs), os.environ["PATH"]])
    command = [sys.executable, "-m", "autotune", "exec", "--spikes", tmp_path / "out.h5", tmp_path / "best.json"]
    done = subprocess.run(
        [*command, "--", *line.split()],
        cwd=bench.folder,
        env={**os.environ, "PATH": path, "AUTOTUNE_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "autotune" not in done.stderr
    found = read_raster(tmp_path / "out.h5")
    assert len(found) > 0
    assert found == wanted
