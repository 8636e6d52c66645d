"""How long rasters of a large run take, and how much memory: `python benchmarks/raster_scale.py [--spikes 10000000]`.

Writes the rank files of one run and the raster of another, whose spikes are shifted, lost and added, into a temporary
folder. A fresh process then does what a study does for each trial: read, merge, compare. Aims: under 3 s and under 1 GB
at the peak for 10^7 spikes; exit code 1 if they are missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from autotune.raster import Raster, merge, read_raster, write_raster
from autotune.raster.metrics import first_divergence_ms, identical, match

AIM_S, AIM_MB = 3.0, 1000.0
DT_MS, WINDOW_MS, RUN_MS = 0.025, 0.5, 10_000.0


def make_files(folder: Path, spikes: int, cells: int, ranks: int) -> None:
    """`ranks` files of one run, round robin over gids, and `other.npz`: 1 in 10 spikes a step late, 1 in 1000 lost, 1
    in 1000 new.
    """
    rng = np.random.default_rng(1)
    gids = rng.integers(0, cells, spikes)
    times = rng.integers(0, int(RUN_MS / DT_MS), spikes) * DT_MS + 1e-10
    for rank in range(ranks):
        mine = gids % ranks == rank
        write_raster(folder / f"rank{rank}.npz", Raster.from_arrays(gids[mine], times[mine]))
    late = times + DT_MS * (rng.random(spikes) < 0.1)
    kept = rng.random(spikes) > 0.001
    new = spikes // 1000
    other_gids = np.concatenate((gids[kept], rng.integers(0, cells, new)))
    other_times = np.concatenate((late[kept], rng.random(new) * RUN_MS))
    write_raster(folder / "other.npz", Raster.from_arrays(other_gids, other_times))


def read_merge_compare(folder: Path, ranks: int, report: multiprocessing.SimpleQueue) -> None:  # type: ignore[type-arg]
    """Put rows (what, seconds, result) and then (CPU seconds with start-up, peak in MB) into `report`."""
    clock = time.perf_counter()

    def row(what: str, result: str) -> None:
        nonlocal clock
        report.put((what, time.perf_counter() - clock, result))
        clock = time.perf_counter()

    parts = [read_raster(folder / f"rank{rank}.npz") for rank in range(ranks)]
    row(f"read {ranks} rank files", f"{sum(map(len, parts)):,} spikes")
    ours = merge(parts)
    del parts
    row("merge", f"{len(ours):,} spikes")
    other = read_raster(folder / "other.npz")
    row("read the other run", f"{len(other):,} spikes")
    row("identical?", str(identical(ours, other)))
    row("first divergence", f"{first_divergence_ms(ours, other)} ms")
    found = match(ours, other, WINDOW_MS)
    row(f"match, window {WINDOW_MS} ms", f"{found.matched:,} pairs, {found.missed:,} missed, {found.extra:,} extra")
    report.put((time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spikes", type=int, default=10_000_000)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--ranks", type=int, default=8)
    given = parser.parse_args()
    table = Table("step", "seconds", "result", title=f"{given.spikes:,} spikes, {given.cells:,} cells")
    spawn = multiprocessing.get_context("spawn")
    report = spawn.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), given.spikes, given.cells, given.ranks)
        worker = spawn.Process(target=read_merge_compare, args=(Path(folder), given.ranks, report))
        worker.start()
        total = 0.0
        for _ in range(6):
            what, seconds, result = report.get()
            table.add_row(what, f"{seconds:.2f}", result)
            total += seconds
        cpu, peak_mb = report.get()
        worker.join()
    good = total < AIM_S and peak_mb < AIM_MB
    table.add_row("all", f"{total:.2f}", f"aim < {AIM_S:g} s")
    table.add_row("CPU time", f"{cpu:.2f}", "with start-up; far below the time above if the machine is busy")
    table.add_row("peak memory", "", f"{peak_mb:.0f} MB, aim < {AIM_MB:g} MB")
    Console().print(table, "[green]aims met[/]" if good else "[red]aims missed[/]")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
