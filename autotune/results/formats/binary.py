"""npy, npz, HDF5 (SONATA, NetPyNE, NWB, MATLAB 7.3) and MATLAB files as named variables.

Nothing is unpickled: an array of objects is not understood. Links in an HDF5 file are not followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autotune.results.formats.arrays import Variable, Variables, held
from autotune.results.measure import NotUnderstood
from autotune.untrusted import Arrays, check_dataset, check_matlab, size_of

if TYPE_CHECKING:
    import h5py

MOST_HELD = 500 << 20  # bytes of a file that is read as a whole
MOST_TIMES_IN_BLOCKS = 1000
"""So many times its own size may be read of a file that is not held: gzip can pack no further."""
NO_OBJECTS = "an array of objects is a pickle, which is never opened"


@contextmanager
def npy(file: Path) -> Iterator[Variables]:
    """An array, of which each block is mapped into memory for as long as it is looked at."""

    def mapped() -> NDArray[Any]:
        return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))

    try:
        values = mapped()
    except ValueError as error:
        raise (NotUnderstood(NO_OBJECTS) if "bject" in str(error) else error) from error
    if values.dtype.names:
        yield {name: held(values[name]) for name in values.dtype.names}
    elif values.ndim:
        shape, dtype = values.shape, values.dtype
        del values
        yield {"values": Variable(shape, dtype, lambda rows: np.array(mapped()[rows]))}
    else:
        yield {"values": held(values)}


@contextmanager
def npz(file: Path) -> Iterator[Variables]:
    """The arrays of an archive, each read when it is compared."""
    with Arrays(file) as arrays:
        if arrays.size > MOST_HELD:
            raise NotUnderstood(f"holds more than {MOST_HELD >> 20} MB when it is unpacked")
        found: dict[str, Variable] = {}
        for name in arrays.names:
            try:
                found[name] = held(arrays.read(name))
            except ValueError as error:
                raise (NotUnderstood(NO_OBJECTS) if "bject" in str(error) else error) from error
        yield found


@contextmanager
def hdf5(file: Path) -> Iterator[Variables]:
    """The datasets and attributes of a file, read in blocks."""
    import h5py  # here, because it takes long to import, and exec reads no results

    stored = size_of(file)
    with h5py.File(file, "r") as root:
        found: dict[str, Variable] = {}

        def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
            found.update(_attributes(name, item))
            if isinstance(item, h5py.Dataset):
                found.update(_dataset(name, item, stored))
            else:
                found[f"{name}/"] = held(np.array(0))

        found.update(_attributes("", root))
        root.visititems(visit)
        yield found


@contextmanager
def matlab(file: Path) -> Iterator[Variables]:
    """The variables of a file of MATLAB 4 to 7; the date in its header is none."""
    import scipy.io  # here, because it takes longer to import than everything else of ours

    found: dict[str, Variable] = {}
    check_matlab(file)
    try:
        said = scipy.io.loadmat(file)
    except scipy.io.matlab.MatReadError as error:
        raise ValueError(str(error)) from error
    for name, value in said.items():
        if not name.startswith("__"):
            found.update(_unfolded(name, value))
    yield found


def _dataset(name: str, item: h5py.Dataset, stored: int) -> Iterator[tuple[str, Variable]]:
    try:
        check_dataset(item, stored, MOST_TIMES_IN_BLOCKS)
    except ValueError as error:
        raise NotUnderstood(str(error)) from error
    if item.shape is None:
        yield name, held(np.array("empty"))
    elif item.dtype.names:
        for part in item.dtype.names:
            yield f"{name}/{part}", Variable(item.shape, item.dtype[part], _reader(item, part), _step(item))
    else:
        yield name, Variable(item.shape, item.dtype, _reader(item), _step(item))


def _reader(item: h5py.Dataset, part: str = "") -> Any:
    def read(rows: slice) -> Any:
        values = item[rows] if item.shape else np.asarray(item[()]).reshape(1)
        return values[part] if part else values

    return read


def _step(item: h5py.Dataset) -> int:
    return int(item.chunks[0]) if item.chunks else 1


def _attributes(name: str, item: h5py.Group | h5py.Dataset) -> dict[str, Variable]:
    return {f"{name}@{key}": held(np.asarray(value)) for key, value in item.attrs.items()}


def _unfolded(name: str, value: Any) -> Iterator[tuple[str, Variable]]:
    """Structs and cells of MATLAB as variables of their own."""
    values = np.asarray(value)
    if values.dtype.names:
        for part in values.dtype.names:
            yield from _unfolded(f"{name}/{part}", values[part])
    elif values.dtype.kind == "O":
        for number, inside in enumerate(values.reshape(-1)):
            yield from _unfolded(f"{name}/{number}" if values.size > 1 else name, inside)
    else:
        yield name, held(values)
