"""What every rank of a production run says of its part, believed as far as it fits the files beside it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from autotune.agent.parts import INDEX_PATTERN, RECORD, VALUE
from autotune.errors import UsageError
from autotune.untrusted import BROKEN, json_of, size_of

MOST_RANKS = 1 << 24
NOBODY = "Look at the model's own output: either it ended before its run did, or no NEURON ran in it."
SERIAL = "Serial copies of the model wrote them: start it with NEURON's MPI (nrniv -mpi, or h.nrnmpi_init() in Python)."


def read_indices(folder: Path) -> list[dict[str, Any]]:
    """What every rank said of its part, by rank. Raises UsageError where a rank is missing, where its part is not what
    it says, or where it has said that spikes or values were lost.
    """
    try:
        indices = [json_of(file) for file in folder.glob(INDEX_PATTERN)]
        for index in indices:
            _check(folder, index)
    except BROKEN as error:
        raise UsageError(f"{folder}: an index is torn ({str(error)[:200]})", cure="Make the run again.") from error
    if not indices:
        raise UsageError(f"{folder}: no rank has left a part", cure=NOBODY)
    found = sorted(index["rank"] for index in indices)
    wanted = list(range(max(index["nhost"] for index in indices)))
    if missing := sorted(set(wanted) - set(found)):
        raise UsageError(
            f"{folder}: rank {missing[0]} of {len(wanted)} has not come to its end ({len(missing)} missing)",
            cure=f"Look why that rank ended, then make the run again; what the others wrote stays in {folder}.",
        )
    if len(found) > len(wanted):
        raise UsageError(f"{folder}: {len(found)} processes wrote parts of {len(wanted)} ranks", cure=SERIAL)
    for index in indices:
        if index["errors"]:
            raise UsageError(
                f"rank {index['rank']}: {index['errors'][0]}",
                cure=f"Mend that and make the run again; the parts stay in {folder}.",
            )
    return sorted(indices, key=lambda index: int(index["rank"]))


def _check(folder: Path, index: dict[str, Any]) -> None:
    """Raise for an index that no agent writes: the merge reads the files that it names, and so many bytes of them."""
    if not (0 <= index["rank"] < index["nhost"] <= MOST_RANKS and isinstance(index["errors"], list)):
        raise ValueError(f"rank {index['rank']} of {index['nhost']}")
    if "vectors" in index:
        counts = [vector["values"] for vector in index["vectors"]]
        _check_file(folder, index["file"], sum(counts) * VALUE.itemsize, min(counts, default=0))
        return
    if not isinstance(index["sources"], (bool, int)):
        raise ValueError("it does not say whether there are sources")
    for part in index["parts"].values():
        edges = [0, *part["runs"][1:], part["spikes"]]
        _check_file(folder, part["file"], part["spikes"] * RECORD.itemsize, min(b - a for a, b in pairwise(edges)))


def _check_file(folder: Path, name: str, size: int, smallest: int) -> None:
    file = folder / name
    if smallest < 0:
        raise ValueError("numbers that do not rise")
    if size and (Path(name).name != name or file.is_symlink() or size_of(file) != size):
        raise ValueError(f"{name[:80]} is not the file of {size} bytes that it says")
