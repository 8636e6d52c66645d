"""Models of NetPyNE and hnn-core, as their users run them on two ranks: watched without a trace, and tuned."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from model_bench import Bench, chosen, stay_sound

pytestmark = pytest.mark.mpi

NETPYNE = "mpiexec -n 2 nrniv -mpi -python netpyne_network.py"
COLUMN = "mpiexec -n 2 nrniv -mpi -python jones_column.py"
# hnn-core 0.6.1 asks for NEURON 8.2.7 at most: it sets legacy units, which NEURON 9 has no more.
FRAMEWORKS = {
    "8.2.7": ["neuron==8.2.7", "netpyne==1.1.1", "hnn-core==0.6.1"],
    "9.0.2": ["neuron==9.0.2", "netpyne==1.1.1"],
}


@pytest.fixture
def framework_bench(environments: Callable[..., Path], tmp_path: Path) -> Bench:
    return Bench(tmp_path, environments(*FRAMEWORKS["8.2.7"]))


@pytest.fixture
def netpyne_bench(version: str, environments: Callable[..., Path], tmp_path: Path) -> Bench:
    return Bench(tmp_path, environments(*FRAMEWORKS[version]))


def spikes_printed(lines: list[str]) -> int:
    return int(next(match[1] for match in (re.search(r"[sS]pikes: (\d+)", line) for line in lines) if match))


@pytest.mark.parametrize("version", ["8.2.7", pytest.param("9.0.2", marks=pytest.mark.slow)])
def test_a_netpyne_network_saves_the_same_file_and_all_its_spikes_are_seen(netpyne_bench: Bench) -> None:
    plain = netpyne_bench.plain(NETPYNE)
    run, watched = netpyne_bench.watched(NETPYNE)
    assert (watched.exit_code, watched.files) == (plain.exit_code, plain.files)
    data = json.loads(plain.files["network_data.json"])["simData"]
    assert (run.ranks, len(run.raster)) == (2, len(data["spkt"]))
    assert spikes_printed(watched.stdout) == spikes_printed(plain.stdout) == len(run.raster)


@pytest.mark.slow
def test_the_jones_column_of_hnn_core_runs_on_two_ranks_and_gives_its_own_spikes(framework_bench: Bench) -> None:
    plain = framework_bench.plain(COLUMN)
    run, watched = framework_bench.watched(COLUMN)
    assert (watched.exit_code, watched.files) == (plain.exit_code, plain.files)
    assert spikes_printed(watched.stdout) == spikes_printed(plain.stdout) > 100
    assert (run.ranks, len(run.raster)) == (2, spikes_printed(plain.stdout))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("command", "knobs"), [(NETPYNE, "nspike,gid_compress"), (COLUMN, "bin_queue")])
def test_a_framework_model_is_tuned_with_its_spikes_verified(
    command: str, knobs: str, framework_bench: Bench, autotune, tmp_path: Path
) -> None:
    plain = framework_bench.plain(command)
    study = tmp_path / "model" / "study.toml"
    study.write_text(
        f"command = {json.dumps(command)}\n[noise]\nruns = 4\n[confirm]\npairs = 5\nfinalists = 1\nalpha = 0.05\n"
    )
    programs = {"PATH": os.pathsep.join([str(framework_bench.programs), os.environ["PATH"]])}
    options = ["--trials", "3", "--knobs", knobs, "--out", tmp_path / "out"]
    process = autotune.start("run", *options, study.parent, cwd=tmp_path, env=programs)
    out, err = process.communicate(timeout=850)
    assert process.returncode == 0, out + err
    trials = [json.loads(file.read_text()) for file in sorted((tmp_path / "out" / "trials").glob("*.json"))]
    assert [trial["verdict"] for trial in trials[:2]] == ["accepted", "accepted"]
    assert trials[0]["spikes"] == spikes_printed(plain.stdout)


def replays(bench: Bench, command: str) -> None:
    record, router = chosen(bench, command, ["nspike", "bin_queue", "cache_efficient"])
    with closing(router):
        assert record.way == "finitialize()", record.note
        assert stay_sound(router) >= 2


@pytest.mark.parametrize("version", ["8.2.7", pytest.param("9.0.2", marks=pytest.mark.slow)])
def test_a_netpyne_network_is_built_once_and_replayed_bit_for_bit(netpyne_bench: Bench) -> None:
    replays(netpyne_bench, NETPYNE)


@pytest.mark.slow
def test_the_jones_column_is_built_once_and_replayed_bit_for_bit(framework_bench: Bench) -> None:
    replays(framework_bench, COLUMN)
