"""All that NEURON can tell about itself after a watched run is what it tells after the bare one.

That is names in hoc, numbers and counts of objects and references to them, the queue, the model's own histogram of
spikes an exchange, files, and what a SaveState of the model restores.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from model_bench import Bench

pytestmark = pytest.mark.mpi


@pytest.mark.parametrize(
    "line",
    [
        "python own_state.py psolve",
        "python own_state.py run",
        "python own_state.py functions",
        "python own_state.py undetected",
        "mpiexec -n 2 python own_state.py psolve",
        "mpiexec -n 2 python own_state.py functions",
        "nrniv own_state.hoc",
    ],
)
def test_neuron_says_the_same_of_itself(line: str, bench: Bench) -> None:
    plain = bench.plain(line)
    run, watched = bench.watched(line)
    assert len(run.raster) > 0
    assert watched.stdout == plain.stdout
    assert watched == plain
    assert [report.model["traces"] for report in run.reports] == [[]] * run.ranks


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_saved_state_is_that_of_the_bare_run_and_is_restored_without_us(
    ranks: int, bench: Bench, tmp_path: Path
) -> None:
    start = f"mpiexec -n {ranks} python own_state.py psolve"
    bare = bench.plain(f"{start} save state").files
    _, watched = bench.watched(f"{start} save state")
    for rank in range(ranks):
        sources = 9 + (rank == 0)  # those of the other rank, too
        assert filled(watched.files[f"state{rank}"], sources) == filled(bare[f"state{rank}"], sources)
        (tmp_path / f"kept{rank}").write_bytes(watched.files[f"state{rank}"])
    restored = bench.plain(f"{start} restore {tmp_path}/kept")
    assert restored.exit_code == 0
    ends_ms = [float(line.split("] ")[1].split()[0]) for line in restored.stdout if " spikes " in line]
    assert ends_ms == pytest.approx([200.0] * ranks)


def filled(state: bytes, sources: int) -> bytes:
    """A state without what NEURON writes but never fills: of each source, 7 bytes behind the first and the last 8."""
    record = rb"[\0\1].{31}"
    found = re.search(rb"(?<=\D)%d\n((?:%b){%d})\d+\n" % (sources, record, sources), state, re.DOTALL)
    assert found, "no sources in this state"
    block = b"".join(found[1][at : at + 1] + found[1][at + 8 : at + 24] for at in range(0, 32 * sources, 32))
    return state[: found.start()] + block + state[found.end(1) :]


def test_the_models_own_histogram_is_the_one_that_is_read(bench: Bench) -> None:
    run, watched = bench.watched("mpiexec -n 2 python own_state.py psolve")
    printed = next(line for line in watched.stdout if line.startswith("0 histogram"))
    counts = run.reports[0].histogram
    assert sum(counts[1:]) > 20
    assert str([float(count) for count in counts])[1:-1] in printed


def test_what_cannot_be_hidden_is_said(bench: Bench) -> None:
    """With threads, spikes beside the model's vectors are captured by a hoc statement, which hoc must find."""
    run, _ = bench.watched("python handles_vectors.py left-alone 2")
    assert run.reports[0].model["traces"] == [
        "hoc knows three names more (autotune_spike, autotune_times, autotune_ids)"
    ]


def test_voltages_are_sampled_through_re_init_of_cvode(bench: Bench) -> None:
    """`cvode.re_init()` makes CVODE's lists of recorders anew, from one in which ours are no more."""
    run, watched = bench.watched("python re_init.py")
    assert watched == bench.plain("python re_init.py")
    assert run.reports[0].model["traces"] == []
    assert run.reports[0].voltage["steps"] > 10
    repeated, _ = bench.watched("python re_init.py")
    assert repeated.reports[0].voltage == run.reports[0].voltage
