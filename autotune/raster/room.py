"""Room for the columns of a raster: in memory, or above some ten million spikes in a file that nobody else sees.

What is mapped from a file the kernel writes out and drops as it needs the memory, so that a raster of 10^8 spikes does
not have to fit. Must never leave a file behind: it has no name as soon as it is there.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HELD = 1 << 24
"""Spikes that are held in memory at once: 256 MB."""
BYTES = 16
"""Of a spike: its gid and its time."""


def make_room(spikes: int, place: Path | None, on_disk: bool) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Columns to be filled, gids (n,) and times (n,); `place` is the folder of the file, None: that of temporary files.

    Raises OSError where the disk has not that much: what is mapped cannot say so later.
    """
    if not on_disk or not spikes:
        return np.empty(spikes, np.int64), np.empty(spikes, np.float64)
    with tempfile.TemporaryFile(dir=place) as file:
        os.posix_fallocate(file.fileno(), 0, BYTES * spikes)
        mapped = mmap.mmap(file.fileno(), BYTES * spikes)
    return np.frombuffer(mapped, np.int64, spikes), np.frombuffer(mapped, np.float64, spikes, 8 * spikes)
