"""Every source of spikes is seen, however the model has it; what is none is not counted as one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from model_bench import Bench

from autotune.launch.judge import RunFailed


@pytest.mark.parametrize("way", ["targetless", "dropped", "initialised_first", "from_nowhere", "built_anew"])
def test_spikes_of_cells_without_gids_are_those_that_the_model_records(way: str, bench: Bench) -> None:
    plain = bench.plain(f"python sources.py {way}")
    run, watched = bench.watched(f"python sources.py {way}")
    assert watched == plain
    counts = next(ast.literal_eval(line) for line in plain.stdout if line.startswith("["))
    runs = 2 if way == "built_anew" else 1
    assert min(counts) > 3
    assert len(run.raster) == runs * sum(counts)
    assert run.reports[0].model["no_coreneuron"] == "3 sources of spikes have no gid"


def test_the_source_behind_the_last_of_very_many_connections_is_seen(bench: Bench) -> None:
    run, _ = bench.watched("python sources.py many")
    assert run.reports[0].model["netcons"] == 202_052
    assert len(run.raster) == 450


def test_spikes_that_are_recorded_elsewhere_from_after_finitialize_on_are_missed_in_words(bench: Bench) -> None:
    with pytest.raises(RunFailed, match="records the spikes of 1 sources from after finitialize on"):
        bench.watched("python sources.py late")


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_connection_without_a_source_is_no_source(ranks: int, bench: Bench) -> None:
    run, _ = bench.watched(f"mpiexec -n {ranks} python own_state.py psolve")
    assert [report.model["no_coreneuron"] for report in run.reports] == [""] * ranks


@pytest.mark.parametrize("threads", [1, 2])
def test_a_source_that_went_with_its_section_is_not_kept(threads: int, bench: Bench, special: Path) -> None:
    """NEURON 8.2 would crash in the next finitialize where a vector of ours held it."""
    bench.extra = [special]
    line = f"nrniv -c threads={threads} rebuilt.hoc"
    run, watched = bench.watched(line)
    assert watched == bench.plain(line)
    assert "t = 5 " in watched.stdout
    assert run.t_ms == pytest.approx(5)
