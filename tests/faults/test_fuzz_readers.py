"""Whatever lies in a file that the tuner reads: it is read, or one clear message says why not.

Never another exception, never a hang, never more than 2 GB: each reader is fed in a process of its own (feeding.py),
with real files that were changed (mutations.py). The same inputs every time: a few here, 20,000 with `make test-all`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from autotune.agent.parts import VALUE, SpikePart, write_index
from autotune.agent.protocol import Job
from autotune.cluster import Submission
from autotune.config import read_study
from autotune.launch.process import run
from autotune.launch.run import FreshRunner
from autotune.raster import Raster, write_raster
from autotune.search.sampler import make_sampler
from autotune.settings import UNCHANGED, Params
from autotune.store.folder import StudyFolder
from autotune.store.opening import JOURNAL, open_storage
from autotune.store.optuna import open_study, tell_measured
from autotune.store.shared import SharedFolder
from autotune.store.workers import this_worker

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "docs" / "images" / "demo"
FEEDING = Path(__file__).with_name("feeding.py")
READERS = ("study", "best", "raster", "journal", "record", "rank", "result", "cluster", "parts", "words")
FEW = {"record": 15, "result": 60, "rank": 60, "cluster": 30, "parts": 50, "words": 50}
MANY = {"record": 1000, "cluster": 1500, "parts": 1500, "words": 1500, "study": 5000, "best": 4000}


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory, runner_in: Callable[..., FreshRunner]) -> Path:
    """A folder for each reader with real files."""
    folder = tmp_path_factory.mktemp("seeds")
    for reader in READERS:
        (folder / reader).mkdir()
    for number, study in enumerate(sorted(ROOT.glob("studies/*/study.toml"))):
        shutil.copy(study, folder / "study" / f"{number}.toml")
    shutil.copytree(DEMO, folder / "record", dirs_exist_ok=True)
    _best(folder / "best" / "best.json")
    _rasters(folder / "raster")
    _journal(folder / "journal")
    _results(folder / "result")
    _cluster(folder / "cluster" / "study")
    _parts(folder / "parts" / "spikes.parts", folder / "parts" / "vectors.parts")
    (folder / "words" / "lines.txt").write_text(
        "mpiexec -n 4 python 'a model.py' --tstop 100\n4211_7\n16\n123[7].head\n"
    )
    (folder / "run").mkdir()
    _run(runner_in(folder / "run", "small_ring.py", ranks=1), folder)
    return folder


def _best(file: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "autotune", "export", DEMO, "-o", file], check=True, capture_output=True, cwd=file.parent
    )


def _rasters(folder: Path) -> None:
    rng = np.random.default_rng(1)
    spikes = Raster.from_arrays(rng.integers(0, 64, 300), np.round(rng.uniform(0.0, 100.0, 300), 3))
    for name in ("a.npz", "b.h5", "c.dat", "d.csv"):
        write_raster(folder / name, spikes)


def _journal(folder: Path) -> None:
    study = open_study(open_storage(folder), "ring", 0, lambda seed: make_sampler(seed, 10))
    for ratio in (1.0, 0.9, 0.8):
        trial = study.ask()
        trial.suggest_categorical("dt", (0.025, 0.05))
        tell_measured(study, trial, ratio, 0.0)
    study.ask()
    assert (folder / JOURNAL).stat().st_size


def _results(folder: Path) -> None:
    values = np.linspace(0.0, 1.0, 200).reshape(100, 2)
    np.save(folder / "a.npy", values)
    np.savez_compressed(folder / "b.npz", v=values, n=np.arange(3))
    scipy.io.savemat(folder / "c.mat", {"v": values, "s": {"a": 1}}, do_compression=True)
    with h5py.File(folder / "d.h5", "w") as file:
        file.create_dataset("v", data=values, chunks=(10, 2), compression="gzip").attrs["units"] = "mV"
    (folder / "e.json").write_text(json.dumps({"v": values.tolist(), "name": "x", "date": "2026-11-26"}))
    np.savetxt(folder / "f.csv", values, delimiter=",", header="t,v")


def _cluster(study: Path) -> None:
    """A study that two workers make, one of which is this process, while it holds its lock."""
    shutil.copytree(DEMO / "trials", study / "trials")
    config = read_study(ROOT / "studies" / "ring").model_dump(mode="json")
    (study / "cluster" / "workers").mkdir(parents=True)
    StudyFolder(study).write(Submission(config, None, "PBS", 2, 2, ("4211",)))
    folder = SharedFolder(study, replace(this_worker("4211_1", "some processor", 8), begun=True))
    with folder.joined():
        folder.claim(9, Params({"nspike": 3}))
        (record,) = (study / "cluster" / "workers").glob("*.json")
        dead = json.loads(record.read_text()) | {"name": "4211_2-77", "pid": 77}
        record.with_name("4211_2-77.json").write_text(json.dumps(dead))


def _parts(spikes: Path, vectors: Path) -> None:
    """Parts of two ranks."""
    for folder in (spikes, vectors):
        folder.mkdir()
    for rank in range(2):
        stem, times = f"rank-{rank:06d}", np.round(np.linspace(0.0, 40.0, 50), 3)
        part = SpikePart(str(spikes), stem, "All")
        part.add(np.arange(50), times, last=True)
        said = {"rank": rank, "nhost": 2, "errors": []}
        write_index(str(spikes), stem, {**said, "sources": 1, "parts": {"All": part.finish()}})
        (vectors / f"{stem}.vectors").write_bytes(times.astype(VALUE).tobytes())
        vector = {"number": 0, "pass": 0, "values": 50, "t_start_ms": 0.0, "step_ms": 0.025}
        write_index(str(vectors), stem, {**said, "label": "soma", "file": f"{stem}.vectors", "vectors": [vector]})


def _run(runner: FreshRunner, folder: Path) -> None:
    """What a rank leaves behind, and what it recorded, under names that are the same every time."""
    place = runner.new_folder()
    job = Job(folder="", observe=True, voltages=8, detect=True, traces=1000)
    with runner.starting(place, job, UNCHANGED) as start:
        assert run(**start, timeout_s=120.0).ok
    for file in place.glob("rank-*"):
        shutil.copy(file, folder / "rank" / f"rank-0{file.suffix}")
    (folder / "rank" / "stdout.txt").touch()
    assert len(list((folder / "rank").iterdir())) == 4


def feed(reader: str, seeds: Path, examples: int) -> dict[str, Any]:
    """What feeding.py says at its end."""
    shutil.rmtree(seeds / "work" / reader, ignore_errors=True)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "AUTOTUNE_CACHE": str(seeds / "cache")}
    fed = subprocess.run(
        [sys.executable, FEEDING, reader, seeds, str(examples)],
        capture_output=True,
        text=True,
        check=False,
        timeout=250 + examples,
        env=environment,
        cwd=seeds,
    )
    assert fed.returncode == 0, fed.stderr[-6000:]
    told: dict[str, Any] = json.loads(fed.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("reader", READERS)
def test_what_a_reader_is_fed_is_read_or_told(seeds: Path, reader: str):
    told = feed(reader, seeds, FEW.get(reader, 100))
    assert told["inputs"] > 0
    assert told["peak_mb"] < 2048


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_so_it_is_for_tens_of_thousands(seeds: Path, capsys: pytest.CaptureFixture[str]):
    told = {reader: feed(reader, seeds, MANY.get(reader, 3500)) for reader in READERS}
    with capsys.disabled():
        print(json.dumps(told, indent=1))
    assert sum(each["inputs"] for each in told.values()) >= 20_000
