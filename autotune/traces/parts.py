"""The recorded vectors of one label, which the ranks of a production run wrote in parts, in one HDF5 file.

The values lie one vector after another, as SONATA's reports lay out their elements: vector k holds
`values[index_pointer[k] : index_pointer[k + 1]]`. Several processes copy them into place at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autotune.agent.parts import VALUE
from autotune.raster.indices import read_indices
from autotune.raster.layout import Contiguous, appearing, in_parallel, lay_out, write_at

GROUP = "vectors"
AT_ONCE = 1 << 21
"""Values that a process copies at once."""


@dataclass(frozen=True)
class Copy:
    """Values of a part, and where they go."""

    source: Path
    first: int
    size: int
    file: Path
    at: int


def merge_vectors(folder: Path, file: Path, processes: int) -> int:
    """Put the parts in `folder` into `file`, by so many processes; returns how many vectors there are.

    Raises UsageError, see read_indices; OSError where the disk is full.
    """
    indices = read_indices(folder)
    vectors = [{"rank": index["rank"], **vector} for index in indices for vector in index["vectors"]]
    pointer = np.concatenate([[0], np.cumsum([vector["values"] for vector in vectors])]).astype(np.uint64)
    columns: dict[str, Any] = {"values": Contiguous("<f8", int(pointer[-1])), "index_pointer": pointer}
    for name in ("rank", "number", "pass"):
        columns[name] = np.array([vector[name] for vector in vectors], np.int64)
    for name in ("t_start_ms", "step_ms"):  # NaN: recorded at other times than every so many ms
        columns[name] = np.array([np.nan if vector[name] is None else vector[name] for vector in vectors], float)

    def named(out: Any) -> None:
        out[GROUP].attrs["label"] = indices[0]["label"]

    with appearing(file) as hidden:
        at = lay_out(hidden, {GROUP: columns}, named).get(f"{GROUP}/values", 0)
        in_parallel(copy_values, list(_copies(folder, indices, hidden, at)), int(pointer[-1]) * 8, processes)
    return len(vectors)


def _copies(folder: Path, indices: list[dict[str, Any]], file: Path, at: int) -> Iterator[Copy]:
    for index in indices:
        size = sum(vector["values"] for vector in index["vectors"])
        for first in range(0, size, AT_ONCE):
            yield Copy(folder / index["file"], first, min(AT_ONCE, size - first), file, at + first * VALUE.itemsize)
        at += size * VALUE.itemsize


def copy_values(copy: Copy) -> None:
    """Copy them."""
    values = np.fromfile(copy.source, VALUE, copy.size, offset=copy.first * VALUE.itemsize)
    write_at(copy.file, copy.at, values)
