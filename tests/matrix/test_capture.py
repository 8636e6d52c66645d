"""Every spike is captured, and the vectors that the author records hold, print and save the same as without us."""

from __future__ import annotations

import ast

import pytest
from model_bench import Bench

from autotune.launch.judge import RunFailed
from autotune.observe import merge_facts
from autotune.raster.metrics import identical

pytestmark = [pytest.mark.mpi, pytest.mark.newest]


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_authors_own_vectors_and_file_are_the_same_and_hold_the_captured_spikes(ranks: int, bench: Bench) -> None:
    line = f"mpiexec -n {ranks} python own_vectors.py spikes.txt"
    plain = bench.plain(line)
    run, watched = bench.watched(line)
    assert (watched.stdout, watched.files, watched.exit_code) == (plain.stdout, plain.files, plain.exit_code)
    saved = [line.split() for line in plain.files["spikes.txt"].decode().splitlines()]
    captured = sorted(zip(run.raster.times_ms.round(9), run.raster.gids, strict=True))
    assert sorted((round(float(t), 9), int(gid)) for t, gid in saved) == captured


@pytest.mark.parametrize("threads", [1, 2])
def test_spikes_of_networks_that_were_thrown_away_are_kept(threads: int, bench: Bench) -> None:
    """NEURON 8.2 waits for ever when a source dies together with a Python callable that only it holds."""
    plain = bench.plain(f"python two_networks.py {threads}")
    run, watched = bench.watched(f"python two_networks.py {threads}")
    assert watched == plain
    printed = [ast.literal_eval(line) for line in plain.stdout if line.startswith("[")]
    expected = sorted(t for network in printed for t, gid in network)
    assert len(run.reports[0].sections) == 2
    assert sorted(run.raster.times_ms) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("way", "readable", "threads", "ranks"),
    [
        ("left-alone", True, 2, 1),
        ("dropped", True, 1, 1),
        ("one-for-each-cell", True, 1, 1),
        ("two-runs", True, 1, 2),
        ("emptied", False, 1, 2),
        ("sorted", False, 1, 1),
        ("own-numbers", False, 1, 1),
    ],
)
def test_later_runs_read_the_authors_vectors_where_these_were_seen_to_hold_every_spike(
    way: str, readable: bool, threads: int, ranks: int, bench: Bench
) -> None:
    line = f"mpiexec -n {ranks} " * (ranks > 1) + f"python handles_vectors.py {way} {threads}"
    plain = bench.plain(line)
    observed, watched = bench.watched(line)
    assert watched.stdout == plain.stdout
    shared = merge_facts(observed, bench.runner(line).command).shared
    assert shared == readable
    timed, watched = bench.watched(line, observe=False, shared=shared)
    assert watched.stdout == plain.stdout
    assert len(observed.raster) > 10
    assert identical(timed.raster, observed.raster)


def test_a_run_that_is_told_to_read_the_authors_vectors_captures_in_no_other_way(bench: Bench) -> None:
    run, _ = bench.watched("python handles_vectors.py emptied 1", observe=False, shared=True)
    assert len(run.raster) == 0
    with pytest.raises(RunFailed, match="0 vectors could hold the gids"):
        bench.watched("python handles_vectors.py own-numbers 1", observe=False, shared=True)


@pytest.mark.parametrize("ways", ["on", "late", "off on"])
def test_runs_that_the_model_gives_to_coreneuron_are_psolve_and_their_spikes_are_seen(ways: str, bench: Bench) -> None:
    run, watched = bench.watched(f"python runs_coreneuron.py {ways}")
    counts = [int(line.split()[1]) for line in watched.stdout if line.startswith(tuple(ways.split()))]
    assert min(counts) > 5
    assert len(run.raster) == sum(counts)
    assert [section.coreneuron for section in run.reports[0].sections] == [way != "off" for way in ways.split()]
    facts = merge_facts(run, bench.runner("python runs_coreneuron.py").command)
    assert facts.psolve
    assert facts.baseline["coreneuron"] == ("off" not in ways)
