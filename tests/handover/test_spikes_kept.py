"""`exec --spikes` and `--vectors`: every rank writes its part, and one file holds them all, or none does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from handed import SERIAL, execute

from autotune.agent import parts as written
from autotune.agent.parts import SpikePart, write_index
from autotune.errors import UsageError
from autotune.raster import Raster, layout, merge, read_raster, write_raster
from autotune.raster import parts as merging
from autotune.raster.parts import merge_parts

Answer = Callable[..., Path]
MODELS = Path(__file__).parents[1] / "models"
RANKS = ("mpiexec", "-n", "2", sys.executable, "spiking.py", "mpi")


def own_raster(folder: Path) -> Raster:
    """What the model itself has recorded and written."""
    return merge(read_raster(file) for file in folder.glob("own-*.npz"))


@pytest.mark.mpi
def test_the_spikes_and_vectors_of_all_ranks_in_one_sorted_file_each(answer_to: Answer, folder: Path, tmp_path: Path):
    """So many spikes that the ranks write some while they run."""
    words = (*RANKS, "--cells", "600", "--tstop", "100", "--own", str(tmp_path))
    options = ("--spikes", "out.h5", "--vectors", "soma=soma.h5")
    done = execute(answer_to(*words, ranks=2, nspike=4), folder, *words, options=options)
    assert done.returncode == 0, done.stderr
    own = own_raster(tmp_path)
    assert len(own) > 4 * 2**17
    assert read_raster(folder / "out.h5") == own
    with h5py.File(folder / "out.h5") as file:
        assert file["spikes/All/timestamps"].chunks is None
    with h5py.File(folder / "soma.h5") as file:
        vectors = file["vectors"]
        for rank, (first, last) in enumerate(pairwise(vectors["index_pointer"])):
            with np.load(tmp_path / f"own-{rank}.npz") as kept:
                assert np.array_equal(vectors["values"][first:last], kept["v"])
        assert (vectors["rank"][()].tolist(), vectors["step_ms"][0]) == ([0, 1], 0.025)
        assert vectors.attrs["label"] == "soma"
    assert not list(folder.glob("*.parts"))


def test_output_and_exit_code_stay_the_models_own(answer_to: Answer, folder: Path):
    done = execute(answer_to(*SERIAL, dt=0.05), folder, *SERIAL, options=("--spikes", "out.h5"))
    assert (done.returncode, done.stdout) == (7, "dt 0.05 ranks 1 spikes 3 read 'a line'\n"), done.stderr
    assert len(read_raster(folder / "out.h5")) == 3


def test_in_hoc_and_with_the_users_own_settings(answer_to: Answer, folder: Path):
    shutil.copy(MODELS / "hoc_serial.hoc", folder)
    hoc = (str(Path(sys.executable).with_name("nrniv")), "-nobanner", "hoc_serial.hoc")
    done = execute(answer_to(*hoc), folder, *hoc, options=("--spikes", "out.h5"))
    assert done.returncode == 0, done.stderr
    assert len(read_raster(folder / "out.h5")) > 0


def test_a_model_without_sources_is_told(answer_to: Answer, folder: Path):
    hoc = (str(Path(sys.executable).with_name("nrniv")), "-nobanner", "prints.hoc")
    done = execute(answer_to(*hoc), folder, *hoc, options=("--spikes", "out.h5"))
    assert done.returncode == 2
    assert "NEURON looks for no spikes in this model" in done.stderr
    assert not (folder / "out.h5").exists()


def test_sources_without_a_gid_are_a_population_of_their_own(answer_to: Answer, folder: Path):
    words = (sys.executable, "spiking.py", "--without-gid")
    done = execute(answer_to(*words), folder, *words, options=("--spikes", "out.h5"))
    assert done.returncode == 0, done.stderr
    assert len(read_raster(folder / "out.h5", population="without_gid").gid_set) == 20


@pytest.mark.mpi
def test_a_killed_run_leaves_no_file(answer_to: Answer, folder: Path, wait: Callable[..., bool]):
    words = (*RANKS, "--wait", "waits")
    best = answer_to(*words, ranks=2, nspike=4)
    command = [sys.executable, "-m", "autotune", "exec", "--spikes", "out.h5", best, "--", *words]
    driver = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert wait(lambda: len(list(folder.glob("waits.*"))) == 2, 60)
        driver.send_signal(signal.SIGTERM)  # which the model gets
        _, said = driver.communicate(timeout=60)
    finally:
        if driver.poll() is None:
            os.killpg(driver.pid, signal.SIGKILL)
    assert driver.returncode != 0
    # A rank that still gets to it leaves what it has; whether all do is for MPI to say.
    assert (folder / "out.h5").exists() != (folder / "out.h5.parts").is_dir(), said


@pytest.fixture
def ranks(tmp_path: Path) -> tuple[Path, Raster]:
    """Parts of three ranks with equal times, equal spikes and runs that begin anew, and all of it as one raster."""
    rng = np.random.default_rng(3)
    folder, rasters = tmp_path / "out.h5.parts", []
    folder.mkdir()
    for rank in range(3):
        part = SpikePart(str(folder), f"rank-{rank:06d}", "All")
        for _ in range(2):  # two passes, each from t = 0
            ids, times = rng.integers(0, 50, 40_000), np.round(rng.uniform(0, 40, 40_000), 2) + 1e-10
            for first, last in ((0, 15), (15, 41)):
                inside = (times >= first) & (times < last)
                part.add(ids[inside], times[inside])
            part.add(np.zeros(0), np.zeros(0), last=True)
            rasters.append(Raster.from_arrays(ids, times))
        index = {"rank": rank, "nhost": 3, "errors": [], "sources": 1, "parts": {"All": part.finish()}}
        write_index(str(folder), f"rank-{rank:06d}", index)
    return folder, merge(rasters)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_parallel_merge_is_a_serial_one(ranks: tuple[Path, Raster], tmp_path: Path, monkeypatch: Any, processes: int):
    monkeypatch.setattr(merging, "SLAB", 5_000)
    monkeypatch.setattr(layout, "ALONE", 0)
    folder, raster = ranks
    assert merge_parts(folder, tmp_path / "out.h5", processes) == {"All": 240_000}
    write_raster(tmp_path / "serial.h5", raster)
    with h5py.File(tmp_path / "out.h5") as ours, h5py.File(tmp_path / "serial.h5") as serial:
        for name in ("node_ids", "timestamps"):
            assert np.array_equal(ours[f"spikes/All/{name}"], serial[f"spikes/All/{name}"])
        assert dict(ours.attrs.items()).keys() == dict(serial.attrs.items()).keys()


def test_each_pass_of_a_rank_is_one_sorted_run(ranks: tuple[Path, Raster]):
    index = json.loads((ranks[0] / "rank-000001.json").read_text())
    assert index["parts"]["All"]["runs"] == [0, 40_000]
    records = np.fromfile(ranks[0] / index["parts"]["All"]["file"], written.RECORD)
    assert np.array_equal(np.sort(records[:40_000], order=["time_ms", "id"]), records[:40_000])


def test_a_merge_that_fails_leaves_the_parts_and_no_file(ranks: tuple[Path, Raster], tmp_path: Path, monkeypatch: Any):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(merging, "write_at", full)
    with pytest.raises(OSError, match="No space"):
        merge_parts(ranks[0], tmp_path / "out.h5", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["out.h5.parts"]
    monkeypatch.undo()
    done = subprocess.run([sys.executable, "-m", "autotune", "merge", ranks[0]], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'out.h5'}: 240,000 spikes\n"), done.stderr
    assert read_raster(tmp_path / "out.h5") == ranks[1]
    assert not ranks[0].exists()


def test_a_rank_that_did_not_come_to_its_end_is_missed(ranks: tuple[Path, Raster], tmp_path: Path):
    (ranks[0] / "rank-000001.json").unlink()
    with pytest.raises(UsageError, match="rank 1 of 3 has not come to its end"):
        merge_parts(ranks[0], tmp_path / "out.h5", 1)
    assert not (tmp_path / "out.h5").exists()


def test_what_could_not_be_captured_is_no_file(ranks: tuple[Path, Raster], tmp_path: Path):
    index = json.loads((ranks[0] / "rank-000002.json").read_text())
    write_index(str(ranks[0]), "rank-000002", {**index, "errors": ["3 spikes were sent, 2 could be captured"]})
    with pytest.raises(UsageError, match="rank 2: 3 spikes were sent"):
        merge_parts(ranks[0], tmp_path / "out.h5", 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--spikes", "out.npz"), "an HDF5 file is written"),
        (("--spikes", "not/there.h5"), "is not there"),
        (("--vectors", "soma"), "not LABEL=FILE"),
        (("--spikes", "a.h5", "--vectors", "soma=a.h5"), "the same file"),
        (("--spikes", "old.h5"), "holds the parts of another run"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_runs(
    answer_to: Answer, folder: Path, options: tuple[str, ...], says: str
):
    (folder / "old.h5.parts").mkdir()
    done = execute(answer_to(*SERIAL, dt=0.05), folder, *SERIAL, options=options)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in " ".join(done.stderr.split())


MEASURE = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); " + (
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


@pytest.mark.slow
@pytest.mark.mpi
def test_ten_million_spikes_take_200_mb_a_process(answer_to: Answer, folder: Path):
    """The most that any process of it has ever held: the ranks, those that merge, and exec itself."""
    words = (*RANKS, "--cells", "2000", "--tstop", "285")
    best = answer_to(*words, ranks=2, secondorder=0)
    command = [sys.executable, "-m", "autotune", "exec", "--spikes", "out.h5", best, "--", *words]
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "out.h5") as file:
        times = file["spikes/All/timestamps"][()]
    assert len(times) > 1e7
    assert (np.diff(times) >= 0).all()
    assert int(done.stdout.split()[-1]) < 200 * 1024
    shutil.rmtree(folder)
