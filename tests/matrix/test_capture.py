"""Every spike is captured, and the vectors that the author records hold, print and save the same as without us."""

from __future__ import annotations

import ast

import pytest
from model_bench import Bench

pytestmark = pytest.mark.mpi


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
