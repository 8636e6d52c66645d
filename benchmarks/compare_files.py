"""What it costs to compare the files of two runs: seconds for 100 MB a format, peak memory for files of 5 GB.

Each comparison is made in a process of its own, which tells its time and its peak memory. The files of 5 GB hold almost
nothing on the disk (a hole); a text cannot, so its size is an option of its own.

    python benchmarks/compare_files.py [--folder DIR] [--huge-mb 5000] [--huge-text-mb 1000] [--markdown]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

MB = 1_000_000
COLUMNS = 4
CHILD = """
import json, re, sys, time
from pathlib import Path
from autotune.results.pair import measured
import h5py, autotune.results.formats.text
def peak_mb():  # of this program alone: what getrusage tells counts the process that started it, too
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text()).group(1)) / 1e3
before_mb = peak_mb()
began = time.perf_counter()
found = measured("x", Path(sys.argv[1]), Path(sys.argv[2]))
took_s = time.perf_counter() - began
print(json.dumps([found.presence, took_s, peak_mb() - before_mb]))
"""


def main() -> None:
    """Print a table: format, size, how it came out, seconds, and memory beyond that of the process."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--folder", type=Path, help="where the files are made and removed (default: the system's)")
    options.add_argument("--mb", type=int, default=100)
    options.add_argument("--huge-mb", type=int, default=5000)
    options.add_argument("--huge-text-mb", type=int, default=1000)
    options.add_argument("--markdown", action="store_true")
    chosen = options.parse_args()
    sheet = "| {:<22} | {:>6} | {:<7} | {:>7} | {:>9} |" if chosen.markdown else "{:<24}{:>8}  {:<9}{:>9}{:>11}"
    print(sheet.format("files", "MB", "found", "s", "memory MB"))
    if chosen.markdown:
        print("|---|---|---|---|---|")
    cases: list[tuple[str, int, Callable[[Path, int, bool], None]]] = [
        ("the same bytes", chosen.mb, lambda file, mb, other: npy(file, mb, False)),
        ("npy", chosen.mb, npy),
        ("HDF5", chosen.mb, hdf5),
        ("CSV, numbers differ", chosen.mb, text),
        ("npy", chosen.huge_mb, huge_npy),
        ("HDF5", chosen.huge_mb, huge_hdf5),
        ("CSV, numbers differ", chosen.huge_text_mb, text),
    ]
    for what, mb, make in cases:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            suffix = {"n": ".npy", "t": ".npy", "H": ".h5", "C": ".csv"}[what[0]]
            files = [Path(folder, name + suffix) for name in ("own", "other")]
            for file, other in zip(files, (False, True), strict=True):
                make(file, mb, other)
            answer = subprocess.run([sys.executable, "-c", CHILD, *files], capture_output=True, text=True, check=True)
            presence, took_s, peak_mb = json.loads(answer.stdout)
        print(sheet.format(what, f"{mb:,}", presence, f"{took_s:.2f}", f"{peak_mb:.0f}"), flush=True)


def values(mb: int, other: bool) -> np.ndarray:
    """So many MB of numbers, shape (rows, columns); those of the other run are a little off."""
    made = np.random.default_rng(1).normal(-65, 10, (mb * MB // (8 * COLUMNS), COLUMNS))
    return made + 1e-6 if other else made


def npy(file: Path, mb: int, other: bool) -> None:
    np.save(file, values(mb, other))


def hdf5(file: Path, mb: int, other: bool) -> None:
    with h5py.File(file, "w") as root:
        root["report/data"] = values(mb, other)


def text(file: Path, mb: int, other: bool) -> None:
    """Rows of a time and three voltages with six decimals, some 40 bytes each."""
    block = 200_000
    rows = np.random.default_rng(1).normal(-65, 10, (block, 3)) + (1e-5 if other else 0.0)
    voltages = [" ".join(f"{value:.6f}" for value in row) for row in rows]
    written = 0
    with file.open("w") as stream:
        stream.write("t a b c\n")
        for start in range(0, 10**9, block):
            part = "".join(f"{(start + n) * 0.025:.3f} {row}\n" for n, row in enumerate(voltages))
            written += stream.write(part)
            if written >= mb * MB:
                return


def huge_npy(file: Path, mb: int, other: bool) -> None:
    """A hole with one number in its middle."""
    made = np.lib.format.open_memmap(file, "w+", np.float64, (mb * MB // 8,))
    made[len(made) // 2] = 2.0 if other else 1.0
    made.flush()


def huge_hdf5(file: Path, mb: int, other: bool) -> None:
    """A dataset of chunks, of which one in 32 is written: what holds less of what it claims is not opened."""
    size = mb * MB // 8
    with h5py.File(file, "w") as root:
        made = root.create_dataset("report/data", (size,), np.float64, chunks=(1 << 17,))
        made[:: 32 << 17] = 1.0
        made[size // 2] = 2.0 if other else 1.0


if __name__ == "__main__":
    main()
