"""Rasters in files: npz, SONATA spikes (HDF5), and NEURON's two columns of text. The extension names the format.

A file is written beside its place and then renamed, so that nobody ever sees half of one. A file that cannot be read as
a whole is an error that names it; this module must never return a part of a raster.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from autotune.agent.protocol import write_atomically
from autotune.errors import UsageError
from autotune.raster.raster import Raster, merge
from autotune.raster.room import BYTES, HELD
from autotune.raster.text import read_text, write_text
from autotune.untrusted import BROKEN, Arrays, check_dataset, size_of

_TEXT = (".dat", ".txt", ".csv", ".tsv", ".spk", ".ras")
_HDF5 = (".h5", ".hdf5")
_SONATA_MAGIC = 0x0A7A
_MOST_NAMES = 100  # of what a file holds, in a message
PIECE = 1 << 20
"""Spikes of a large file that are read at once."""
_SORTING = {"none": 0, "by_id": 1, "by_time": 2}


def read_raster(path: str | os.PathLike[str], *, population: str | None = None, columns: str | None = None) -> Raster:
    """The raster of one file; no spikes is a fine raster.

    .npz: arrays `gid` and `time_ms`. .h5, .hdf5: SONATA, `/spikes/<population>/{node_ids,timestamps}`; `population` is
    needed if there are several. Everything else: text, see `autotune.raster.text.read_text`; `columns` ("time gid" or
    "gid time") overrules what it finds out. UsageError, naming the file and for text the line, for a file that is
    missing, empty (but text), truncated or of another kind.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder, not a raster file.", cure="Name a .npz, .h5 or text file.")
        if not path.exists():
            raise UsageError(f"{path}: there is no such file.", cure="Check the name of the raster file.")
        if not path.is_file():
            raise UsageError(f"{path} is no ordinary file.", cure="Write the raster into a file first.")
        if path.suffix.lower() == ".npz":
            return _read_npz(path)
        if path.suffix.lower() in _HDF5:
            return _read_sonata(path, population)
        return Raster.from_arrays(*read_text(path, columns), source=str(path))
    except PermissionError as error:
        raise UsageError(f"{path}: not allowed to read it.", cure="Check the file's permissions.") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}.", cure="Check its name.") from error


def write_raster(path: str | os.PathLike[str], raster: Raster, *, population: str = "All") -> None:
    """Write the raster atomically; `population` names it in SONATA files. Reading it back gives an equal raster.

    UsageError for an unknown extension, a folder that is not there, and for SONATA a negative gid (its node ids are
    unsigned).
    """
    path = Path(path)
    kind = path.suffix.lower()
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}.", cure="Make the folder first.")
    if kind == ".npz":
        write_atomically(path, lambda file: np.savez(file, gid=raster.gids, time_ms=raster.times_ms))
    elif kind in _HDF5:
        if len(raster) and raster.gid_set[0] < 0:
            raise UsageError(
                f"{path}: the gid {raster.gid_set[0]} is negative; SONATA cannot hold it.",
                cure="Write a .npz file, or leave out the sources without a gid.",
            )
        write_atomically(path, lambda file: _write_sonata(file, raster, population))
    elif kind in _TEXT:
        write_atomically(path, lambda file: write_text(file, raster, "," if kind == ".csv" else "\t"))
    else:
        known = ", ".join((".npz", *_HDF5, *_TEXT))
        raise UsageError(f"{path}: no raster format has the extension {kind!r}.", cure=f"Use one of {known}.")


def _broken(path: Path, what: object, kind: str) -> UsageError:
    return UsageError(
        f"{path}: this is not a whole {kind} file ({what}).", cure="It may be torn or of another kind: write it again."
    )


def pieces_of(file: Path) -> Iterator[Raster]:
    """The spikes of an npz file, some at a time. What is wrong with it is raised as the archive's library does."""
    with Arrays(file) as held:
        for gids, times in zip(held.pieces("gid", PIECE), held.pieces("time_ms", PIECE), strict=True):
            yield Raster.from_arrays(gids, times, source=str(file))


def _read_npz(path: Path) -> Raster:
    try:
        with Arrays(path) as held:
            missing = [name for name in ("gid", "time_ms") if name not in held.names]
            if missing:
                found = ", ".join(held.names[:_MOST_NAMES]) or "none"
                raise UsageError(
                    f"{path}: no array {' and no array '.join(missing)} (arrays found: {found}).",
                    cure="A raster is stored as the arrays gid and time_ms.",
                )
            if held.size > BYTES * HELD:
                return merge(pieces_of(path), _room_beside(path))
            return Raster.from_arrays(held.read("gid"), held.read("time_ms"), source=str(path))
    except BROKEN as error:
        if isinstance(error, PermissionError):
            raise
        raise _broken(path, error or "empty", "npz") from error


def _room_beside(path: Path) -> Path | None:
    """Where a raster waits that is too large for the memory: where its file lies, if one may write there."""
    return path.parent if os.access(path.parent, os.W_OK) else None


def _read_sonata(path: Path, population: str | None) -> Raster:
    import h5py

    try:
        stored = size_of(path)
        with h5py.File(path, "r") as file:
            spikes = _inside(file, "spikes")
            found = list(islice(spikes, _MOST_NAMES)) if isinstance(spikes, h5py.Group) else []
            groups = [name for name in found if isinstance(_inside(spikes, name), h5py.Group)]
            group = spikes[_choose(path, groups, population)]
            columns = [_inside(group, name) for name in ("node_ids", "timestamps")]
            missing = [
                name
                for name, column in zip(("node_ids", "timestamps"), columns, strict=True)
                if not isinstance(column, h5py.Dataset)
            ]
            if missing:
                raise UsageError(
                    f"{path}: {group.name} has no {' and no '.join(missing)}.", cure="Write SONATA spikes."
                )
            units = columns[1].attrs.get("units", "ms")
            units = units.decode(errors="replace") if isinstance(units, bytes) else str(units)
            if units != "ms":
                raise UsageError(
                    f"{path}: timestamps of {group.name} are in {units[:20]!r}.", cure="Store them in 'ms'."
                )
            for column in columns:
                check_dataset(column, stored)
            size = max(column.size for column in columns)
            if size <= HELD or columns[0].shape != columns[1].shape:
                return Raster.from_arrays(columns[0][()], columns[1][()], source=str(path))
            spans = (slice(at, at + PIECE) for at in range(0, size, PIECE))
            pieces = (Raster.from_arrays(columns[0][s], columns[1][s], source=str(path)) for s in spans)
            return merge(pieces, _room_beside(path))
    except BROKEN as error:
        if isinstance(error, PermissionError):
            raise
        raise _broken(path, error, "HDF5") from error


def _inside(group: Any, name: str) -> Any:
    """What a group holds under a name; None where there is nothing or a link to another file: it is not followed."""
    import h5py

    link = group.get(name, getlink=True)
    return None if link is None or isinstance(link, h5py.ExternalLink) else group.get(name)


def _choose(path: Path, groups: list[str], population: str | None) -> str:
    names = ", ".join(groups)
    if not groups:
        raise UsageError(f"{path}: no group /spikes/<population>.", cure="Give a file with SONATA spikes.")
    if population is not None:
        if population not in groups:
            raise UsageError(f"{path}: no population {population!r}.", cure=f"Choose one of: {names}.")
        return population
    if len(groups) > 1:
        raise UsageError(f"{path}: {len(groups)} populations ({names}).", cure="Say which one to read: population.")
    return groups[0]


def _write_sonata(file: IO[bytes], raster: Raster, population: str) -> None:
    """The layout of the SONATA developer guide (Dai et al. 2020, PLoS Comput. Biol. 16:e1007696), as libsonata reads
    it.
    """
    import h5py

    with h5py.File(file, "w") as out:
        group = out.create_group(f"spikes/{population}")
        group.create_dataset("node_ids", data=raster.gids.astype(np.uint64))
        group.create_dataset("timestamps", data=raster.times_ms).attrs["units"] = "ms"
        sonata_header(out, [population])


def sonata_header(out: Any, populations: Iterable[str]) -> None:
    """What makes an open HDF5 file with these groups of spikes, sorted by time, one of SONATA."""
    import h5py

    out.attrs["magic"] = np.uint32(_SONATA_MAGIC)
    out.attrs["version"] = np.array([0, 1], np.uint32)
    for population in populations:
        sorting = h5py.enum_dtype(_SORTING, basetype="u1")
        out[f"spikes/{population}"].attrs.create("sorting", _SORTING["by_time"], dtype=sorting)
