"""Parts: what one rank writes of a production run while it still runs, beside the other ranks and without asking them.

Spikes are records of time and id (16 bytes) in runs, each sorted by time, then id; one run, where NEURON makes them in
the order of time. Recorded vectors lie one behind the other. A part gets its name when it is whole, and the rank's
index, the last to appear, says what is in it: a rank without an index has not come to its end. Who merges the parts is
no part of the agent.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np

from .protocol import write_text

RECORD = np.dtype([("time_ms", "<f8"), ("id", "<i8")])
VALUE = np.dtype("<f8")
INDEX_PATTERN = "rank-*.json"
GIDS, WITHOUT_GID = "All", "without_gid"
"""The populations of spikes: of sources with a gid, and of others, whose id is -1 - n."""
AT_ONCE = 1 << 18
"""Spikes that are sorted at a time."""
HELD_BACK_MS = 1.0
"""The last spikes wait for those that are handed on later though they were not made later: within a step."""


def stem_of(rank: int) -> str:
    """How the files of this rank are named; serial copies, which all are rank 0, do not overwrite each other."""
    return "rank-%06d-%s-%d" % (rank, socket.gethostname(), os.getpid())


class Part:
    """One file of this rank, which gets its name in finish()."""

    def __init__(self, folder: str, name: str) -> None:
        self._path = Path(folder, name)
        self._file: Any = None
        self.size = 0
        """Bytes so far."""

    def write(self, data: np.ndarray) -> None:
        """Append an array as it lies in memory."""
        if self._file is None:
            self._file = open(str(self._hidden), "wb")  # noqa: SIM115, it stays open while the model runs
        self._file.write(np.ascontiguousarray(data).data)
        self.size += data.nbytes

    def finish(self) -> str:
        """Its name, under which it appears whole; empty where nothing was written."""
        if self._file is None:
            return ""
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
        self._file = None
        os.replace(str(self._hidden), str(self._path))
        return self._path.name

    @property
    def _hidden(self) -> Path:
        return self._path.with_name("." + self._path.name)


class SpikePart:
    """Spikes of one population of this rank."""

    def __init__(self, folder: str, stem: str, population: str) -> None:
        self._part = Part(folder, "%s.%s.spikes" % (stem, population))
        self._held = np.zeros(0, RECORD)
        self._last = np.zeros(0, RECORD)
        self._runs: List[int] = []

    def add(self, ids: np.ndarray, times_ms: np.ndarray, last: bool = False) -> None:
        """Spikes in any order, ids (n,) and times (n,); `last`: there will be no more in this pass."""
        for at in range(0, len(ids), AT_ONCE):
            self._add(ids[at : at + AT_ONCE], times_ms[at : at + AT_ONCE])
        if last:
            self._write(self._held)
            self._held = np.zeros(0, RECORD)

    def finish(self) -> Optional[Dict[str, Any]]:
        """What the index says of it: the file, and the record at which each run begins; None without any spike."""
        self.add(np.zeros(0), np.zeros(0), last=True)
        name = self._part.finish()
        return {"file": name, "runs": self._runs, "spikes": self._count} if name else None

    @property
    def _count(self) -> int:
        return self._part.size // RECORD.itemsize

    def _add(self, ids: np.ndarray, times_ms: np.ndarray) -> None:
        order = np.lexsort((ids, times_ms))
        batch = np.zeros(len(ids), RECORD)
        batch["time_ms"], batch["id"] = times_ms[order], ids[order]
        if len(self._held):
            batch = np.concatenate([self._held, batch])
            batch = batch[np.lexsort((batch["id"], batch["time_ms"]))]
        until = int(np.searchsorted(batch["time_ms"], batch["time_ms"][-1] - HELD_BACK_MS))
        self._write(batch[:until])
        self._held = batch[until:].copy()

    def _write(self, batch: np.ndarray) -> None:
        if not len(batch):
            return
        if not len(self._last) or _key(batch[0]) < _key(self._last[0]):
            self._runs.append(self._count)
        self._part.write(batch)
        self._last = batch[-1:].copy()


def _key(record: Any) -> Any:
    return float(record["time_ms"]), int(record["id"])


def write_index(folder: str, stem: str, index: Dict[str, Any]) -> None:
    """Say that this rank has written what there is."""
    write_text(Path(folder, stem + ".json"), json.dumps(index))
