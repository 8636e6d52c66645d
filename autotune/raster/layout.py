"""An HDF5 file that several processes fill at once: laid out with contiguous datasets first, then written at offsets.

HDF5 itself lets one process write, and MPI-IO would want a collective. A contiguous dataset is one range of bytes of
the file, so that whoever knows where it begins can write any part of it, beside others, without the library. The file
appears under its name when all of it is there.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Task = TypeVar("Task")
ALONE = 1 << 24
"""Bytes below which starting processes takes longer than writing."""


@dataclass(frozen=True)
class Contiguous:
    """A dataset that is laid out and not written yet."""

    dtype: str
    size: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A file of another name beside it, to be written in this context: it gets its own at the end, or goes."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    hidden = Path(name)
    try:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(handle, 0o666 & ~mask)
        yield hidden
        os.fsync(handle)
        hidden.replace(path)
    finally:
        os.close(handle)
        hidden.unlink(missing_ok=True)


def lay_out(
    path: Path, groups: Mapping[str, Mapping[str, Contiguous | NDArray[Any]]], finish: Callable[[Any], None]
) -> dict[str, int]:
    """Make the file, with arrays written and the rest laid out; `finish` adds attributes to the open file. Returns
    where each dataset (group/name) begins, in bytes; a dataset of size 0 has no place.
    """
    import h5py  # here, because it takes long to import

    offsets = {}
    with h5py.File(path, "w") as file:
        for group, datasets in groups.items():
            for name, data in datasets.items():
                place = f"{group}/{name}"
                if isinstance(data, Contiguous):
                    made = _laid(file, place, data)
                    offset = made.id.get_offset()
                    if offset is not None:
                        offsets[place] = int(offset)
                else:
                    file.create_dataset(place, data=data)
        finish(file)
    return offsets


def _laid(file: Any, place: str, data: Contiguous) -> Any:
    """Its bytes are allocated now and filled by nobody."""
    import h5py

    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    group, _, name = place.rpartition("/")
    parent = file.require_group(group)
    space = h5py.h5s.create_simple((data.size,))
    h5py.h5d.create(parent.id, name.encode(), h5py.h5t.py_create(np.dtype(data.dtype)), space, dcpl=properties)
    made = parent[name]
    for key, value in data.attributes.items():
        made.attrs[key] = value
    return made


def in_parallel(write: Callable[[Task], object], tasks: Sequence[Task], size: int, processes: int) -> None:
    """Do all tasks, in so many processes where there is enough (`size` bytes) to do."""
    processes = min(processes, len(tasks))
    if processes < 2 or size < ALONE:
        for task in tasks:
            write(task)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for _ in pool.map(write, tasks):
            pass


def write_at(path: Path, offset: int, data: NDArray[Any]) -> None:
    """Write an array at this byte of a file that is there."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(np.ascontiguousarray(data).data)
