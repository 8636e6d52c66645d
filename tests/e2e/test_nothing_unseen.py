"""Spikes that were not seen make every comparison worthless: they are found, or the run is refused in words."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotune.errors import UsageError
from autotune.launch.ask import Ask
from autotune.launch.command import launch_environment, parse_command
from autotune.launch.judge import RunFailed
from autotune.launch.mpi import find_mpi, mpi_environment
from autotune.launch.run import FreshRunner, stage_agent

MODELS = Path(__file__).parents[1] / "models"


@pytest.fixture
def runner(tmp_path: Path) -> Any:
    """`runner(words…)` runs a command of tests/models in a copy of that folder."""
    shutil.copytree(MODELS, tmp_path / "model")
    stage_agent(tmp_path / "agent")

    def make(*words: str) -> FreshRunner:
        command = parse_command(words, tmp_path / "model")
        environment = launch_environment(command, os.environ)
        environment |= mpi_environment(find_mpi(command, environment), environment)
        return FreshRunner(command, environment, tmp_path / "agent", tmp_path / "scratch")

    return make


def two_ranks(*words: str) -> tuple[str, ...]:
    return ("mpiexec", "-n", "2", sys.executable, *words)


@pytest.mark.mpi
def test_cells_that_nobody_listens_to_are_captured_where_populations_usually_start(runner: Any) -> None:
    run = runner(*two_ranks("far_gids.py", "10000000")).run(Ask(60.0))
    assert {gid for gid in run.raster.gid_set if gid >= 10_000_000} == set(range(10_000_000, 10_000_008))


@pytest.mark.mpi
def test_spikes_of_gids_that_cannot_be_found_make_the_run_refused(runner: Any) -> None:
    with pytest.raises(RunFailed, match="spikes were sent to other ranks, only"):
        runner(*two_ranks("far_gids.py", "12345678")).run(Ask(60.0))


@pytest.mark.mpi
def test_spikes_that_the_model_records_from_after_finitialize_on_make_the_run_refused(runner: Any) -> None:
    with pytest.raises(RunFailed, match="from after finitialize on"):
        runner(*two_ranks("far_gids.py", "1000", "late")).run(Ask(60.0))


def test_a_helper_that_simulates_something_of_its_own_is_no_rank(runner: Any, tmp_path: Path) -> None:
    helper = tmp_path / "model" / "with_helper.py"
    cell = "from neuron import h; s = h.Section(); h.finitialize(-65); h.quit()"
    helper.write_text(
        f"import runpy, subprocess, sys\nsubprocess.run([sys.executable, '-c', {cell!r}], check=True)\n"
        "runpy.run_path('small_ring.py')\n"
    )
    run = runner(sys.executable, "with_helper.py").run(Ask(60.0))
    assert run.ranks == 1
    assert len(run.raster) > 0


def test_another_neuron_than_the_watched_one_is_refused(runner: Any) -> None:
    fresh = runner(sys.executable, "small_ring.py")
    place = ("NEURON -- VERSION 7.0", "/elsewhere/python")
    watched = replace(fresh, manner=replace(fresh.manner, place=place))
    with pytest.raises(UsageError, match=r"was made with NEURON -- VERSION 7\.0 at /elsewhere/python"):
        watched.run(Ask(60.0))
