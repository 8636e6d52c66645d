"""What the driver needs to read a run of thousands of ranks: `python benchmarks/many_ranks.py [--spikes 100000000]`.

Writes the reports and spike files that so many ranks would leave (each report that of a real rank of tests/models) into
a folder. A fresh process then does what a study does: it reads the run, stores its raster, reads another run, which is
written then, and judges it. Its own memory is limited to what is printed as the aim: with
more it would end. Files that are mapped are the kernel's, which drops them where memory is needed; they are told apart.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from autotune.agent.protocol import RankReport, RunSection, rank_files, to_json
from autotune.launch.process import Finished
from autotune.launch.reading import read_run
from autotune.raster import Raster, read_raster, write_raster
from autotune.raster.metrics import first_divergence_ms, isi_cv
from autotune.verify.error import Ruler

AIM_MB = 2000
DT_MS, WINDOW_MS, RUN_MS = 0.025, 0.5, 10_000.0
CELLS = 200_000


def report_of(rank: int, ranks: int, spikes: int) -> RankReport:
    """As a rank of a large model says it: what a run of a trial reports, and what the watched run adds."""
    section = RunSection(0.0, RUN_MS, None, DT_MS, -65.0, spikes, True, 1000, 10.0, 8.0, 1.0, 0.5, 0.2, 0.0, 10.0)
    model: dict[str, Any] = {
        "cells": CELLS // ranks,
        "artificial_cells": 0,
        "artificial_gids": 0,
        "sources_without_gid": 0,
        "output_gids": CELLS // ranks,
        "sections": 100 * CELLS // ranks,
        "trees": CELLS // ranks,
        "threads": 1,
        "min_delay_ms": 1.0,
        "delays_ms": [1.0 + number / 40 for number in range(200)],
        "thread_unsafe": [],
        "lacking_threadsafe": [],
        "traces": ["v of soma(0.5)"] * 20,
        "no_coreneuron": "",
    }
    return RankReport(
        rank=rank,
        nhost=ranks,
        subrank=rank,
        subsize=ranks,
        host=f"node{rank // 64:03}",
        pid=1000 + rank,
        ancestors=[999, 998, 997],
        python="3.11.2",
        executable="/usr/bin/python3",
        neuron="NEURON -- VERSION 9.0.2",
        t_ms=RUN_MS,
        dt_ms=DT_MS,
        tstop_ms=RUN_MS,
        sections=[section],
        detectors=CELLS // ranks,
        effective={"dt": DT_MS, "nspike": 0, "gid_compress": False, "bin_queue": False, "cache_efficient": True},
        model=model,
        voltage={"digest": "0" * 64, "finite": True, "lowest_mv": -80.0, "highest_mv": 40.0, "ringing_mv": 0.1},
        histogram=list(range(100)) if rank == 0 else [],
        spikes=spikes,
        setup_s=60.0,
        cpu_s=70.0,
        output_gids=CELLS // ranks,
    )


def make_run(folder: Path, ranks: int, spikes: int, late: bool) -> None:
    """The files of one run, rank by rank. A `late` one has the same spikes, but that one in ten is a step late."""
    rng, delays = np.random.default_rng(1), np.random.default_rng(2)
    folder.mkdir(parents=True)
    for stream in ("stdout.txt", "stderr.txt"):
        (folder / stream).touch()
    for rank in range(ranks):
        count = spikes // ranks + (rank < spikes % ranks)
        gids = rng.integers(0, CELLS // ranks, count) * ranks + rank
        times = np.sort(rng.integers(0, int(RUN_MS / DT_MS), count)) * DT_MS
        if late:
            times += DT_MS * (delays.random(count) < 0.1)
        report, arrays = rank_files(str(folder), rank, f"node{rank // 64:03}", 1000 + rank)
        np.savez(arrays, gid=gids, time_ms=times)
        report.write_text(to_json(report_of(rank, ranks, count)))


def read(folder: Path, scratch: Path) -> Raster:
    """As the driver reads the run that has just ended."""
    finished = Finished((), 0, None, False, False, 100.0, folder / "stdout.txt", folder / "stderr.txt")
    ranks = sum(1 for _ in folder.glob("*.json"))
    return read_run(folder, finished, ranks, True, "psolve", folder, scratch).raster


def size_of(folder: Path) -> int:
    """What lies there, in bytes; files come and go meanwhile."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(OSError):
            total += file.stat().st_size
    return total


def memory_mb(kind: str) -> float:
    """Of this process: RssAnon is its own, RssFile is mapped."""
    found = re.search(rf"{kind}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def study(folder: Path, ranks: int, spikes_of_run: int, merge_only: bool, told: Any) -> None:
    """Send a row (what, seconds, own MB at the peak, mapped MB at the peak, result) a step to `told`."""
    own = AIM_MB * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (own, own))
    peak = {"RssAnon": 0.0, "RssFile": 0.0}

    def watch() -> None:
        while True:
            for kind in peak:
                peak[kind] = max(peak[kind], memory_mb(kind))
            time.sleep(0.005)

    threading.Thread(target=watch, daemon=True).start()

    def step(what: str, do: Callable[[], Any], words: Callable[[Any], str]) -> Any:
        peak.update(RssAnon=0.0, RssFile=0.0)
        began = time.perf_counter()
        result = do()
        told.send((what, time.perf_counter() - began, peak["RssAnon"], peak["RssFile"], words(result)))
        return result

    def spikes(raster: Raster) -> str:
        return f"{len(raster):,} spikes"

    scratch = folder / "scratch"
    scratch.mkdir()
    stored = folder / "baseline.npz"
    make_run(folder / "run", ranks, spikes_of_run, late=False)
    ours = step("read and merge the run", lambda: read(folder / "run", scratch), spikes)
    if merge_only:
        return
    shutil.rmtree(folder / "run")  # as a study does when a run is read
    step("store its raster", lambda: write_raster(stored, ours), lambda _: f"{stored.stat().st_size >> 20:,} MB")
    del ours
    ours = step("read the stored raster", lambda: read_raster(stored), spikes)
    make_run(folder / "other", ranks, spikes_of_run, late=True)
    other = step("read and merge another", lambda: read(folder / "other", scratch), spikes)
    step("identical?", lambda: ours == other, str)
    step("first divergence", lambda: first_divergence_ms(ours, other), lambda at: f"{at} ms")
    ruler = Ruler(WINDOW_MS, RUN_MS)
    step("judge: spikes alone", lambda: ruler.alone(ours, other), lambda alone: f"{alone[0]:,} and {alone[1]:,}")
    step("judge: error", lambda: ruler.error_ms(ours, other), lambda error: f"{error:.3g} ms in the worst cell")
    step("judge: shifts", lambda: ruler.shifts_ms(ours, other), lambda shifts: f"{shifts[0]:.3g} ms at most")
    step("ISI CV", lambda: isi_cv(ours), lambda cvs: f"{np.nanmean(cvs):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spikes", type=int, default=100_000_000)
    parser.add_argument("--ranks", type=int, default=4096)
    parser.add_argument("--folder", type=Path, help="where the files go: some 50 bytes a spike (default: temporary)")
    parser.add_argument("--merge-only", action="store_true", help="read and merge one run: a third of the disk")
    given = parser.parse_args()
    title = f"{given.ranks:,} ranks, {given.spikes:,} spikes; own memory limited to {AIM_MB:,} MB"
    table = Table("step", "seconds", "own MB", "mapped MB", "result", title=title)
    spawn = multiprocessing.get_context("spawn")
    tell, hear = spawn.Pipe()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name, "files")
        folder.mkdir()
        process = spawn.Process(target=study, args=(folder, given.ranks, given.spikes, given.merge_only, tell))
        process.start()
        tell.close()  # so that the end of the process is the end of what it says
        most = 0
        with suppress(EOFError):
            while True:
                while not hear.poll(1.0):
                    most = max(most, size_of(folder))
                what, seconds, own, mapped, result = hear.recv()
                table.add_row(what, f"{seconds:.1f}", f"{own:,.0f}", f"{mapped:,.0f}", result)
        process.join()
    Console().print(table, f"the largest it was on the disk: {most / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
