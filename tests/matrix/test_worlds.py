"""Who simulates, and what the run tells of itself, on both versions: worlds that a script starts, workers, exceptions
that hoc survives, models in which NEURON detects no spikes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from model_bench import LIMIT_S, VERSIONS, Bench, Environments

from autotune.errors import BaselineError
from autotune.launch import launch_environment, mpi_environment, parse_command
from autotune.launch.judge import RunFailed
from autotune.launch.mpi import find_mpi
from autotune.observe import observe
from autotune.plan.making import make_space

pytestmark = [pytest.mark.mpi, pytest.mark.newest]


def with_mpi(bench: Bench) -> Bench:
    """The bench, whose scripts can start ranks by themselves."""
    command = parse_command(["mpiexec", "-n", "2", "x"], bench.home)
    environment = launch_environment(command, os.environ)
    bench.variables = mpi_environment(find_mpi(command, environment), environment)
    return bench


@pytest.mark.parametrize("way", ["once", "also"])
def test_ranks_that_the_script_starts_once_are_the_model(way: str, bench: Bench) -> None:
    observation, baseline = observe(with_mpi(bench).runner(f"python starts_others.py {way}"), None, LIMIT_S)
    assert observation.facts.ranks == 2
    assert observation.facts.t_stop_ms == 20.0
    assert observation.environment.mpi.startswith("MPI started by the command (libmpi")
    assert len(baseline) > 0


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_workers_are_told(way: str, bench: Bench) -> None:
    with pytest.raises(RunFailed, match="NEURON runs in 2 workers that the model starts"):
        bench.watched(f"python starts_others.py {way}")


@pytest.mark.parametrize("where", ["before", "between", "after"])
def test_an_exception_that_hoc_survived_is_no_crash(where: str, bench: Bench) -> None:
    plain = bench.plain(f"nrniv survives.hoc -c {where}()")
    run, watched = bench.watched(f"nrniv survives.hoc -c {where}()")
    assert watched == plain
    assert len(run.raster) > 0
    assert run.reports[0].survived == "ZeroDivisionError: division by zero"


def test_so_it_is_where_python_asks_hoc_to_ask_python(bench: Bench) -> None:
    run, watched = bench.watched("python survives.py")
    assert run.reports[0].survived == "ZeroDivisionError: division by zero"
    assert "went on" in watched.stdout


def test_spikes_that_the_model_counts_by_itself_are_found_where_it_counts(bench: Bench) -> None:
    observation, baseline = observe(bench.runner("python counts_by_itself.py"), None, LIMIT_S)
    printed = int(bench.plain("python counts_by_itself.py").stdout[-1].split()[0])
    assert len(baseline) == printed > 0
    assert observation.notes[0] == (
        "NEURON detects no spikes in this model (no NetCon from a voltage, no cell with a gid): they are found in 3 "
        "voltages, as its APCounts count them"
    )
    assert (observation.facts.cells, observation.facts.trees, observation.facts.spots) == (0, 3, 3)
    assert "dt" in make_space(observation).domains


def test_a_run_of_no_step_is_refused(bench: Bench) -> None:
    with pytest.raises(BaselineError, match=r"nothing was simulated|NEURON ended by itself"):
        observe(bench.runner("nrniv survives.hoc -c nosuch()"), None, LIMIT_S)


def test_mechanisms_that_were_compiled_for_another_neuron_are_named(
    version: str, special: Path, environments: Environments, tmp_path: Path
) -> None:
    other = next(name for name in VERSIONS if name != version)
    bench = Bench(tmp_path, environments(f"neuron=={other}"), extra=[special])
    try:
        told = " ".join(observe(bench.runner("python counts_by_itself.py"), None, LIMIT_S)[0].notes)
    except BaselineError as error:
        told = error.message
    assert f"mechanisms compiled for NEURON {version}: x86_64/libnrnmech.so, and NEURON {other} cannot load" in told
