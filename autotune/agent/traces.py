"""What the model records (`Vector.record`) and what is sampled for it, written at the end of each pass beside its
spikes.

NEURON fills the vectors; here they are written where they lie, one after another, so that no copy of all of them is
ever made, and nothing happens in Python while the model runs. One file a rank, which appears whole or not at all: a zip
of npy arrays with index.json, which names them in the order in which the script asked for them.
"""

from __future__ import annotations

import json
import os
import zipfile
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Tuple

import numpy as np

from .protocol import RunSection
from .recorders import EVERY_STEP, Held, Recorders

INDEX = "index.json"
SAMPLED = "sampled"


class TraceFile:
    """The file of one run of one rank: add() after each pass, finish() at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip: Optional[zipfile.ZipFile] = None
        self._passes: List[Dict[str, Any]] = []
        self._traces: List[Dict[str, Any]] = []
        self._members = 0

    def add(
        self,
        section: RunSection,
        cvode: bool,
        recorders: Recorders,
        most: int,
        sampled: Iterable[Tuple[str, np.ndarray, Optional[np.ndarray]]],
        cells: int,
        clock: Optional[np.ndarray],
    ) -> None:
        """What was recorded in a pass, at most so many of the script's vectors; where these are fewer than `cells`,
        also what `sampled` gives: voltages of ours as name, values and, where they are not at every fixed step, times
        in ms. `clock` (n,) holds the times of the steps of CVODE, as far as all cells share them.
        """
        number = len(self._passes)
        self._passes.append(
            {"t_start_ms": section.t_start_ms, "t_stop_ms": section.t_stop_ms, "dt_ms": section.dt_ms, "cvode": cvode}
        )
        held = recorders.held()
        clocks = [(place, each) for place, each in enumerate(held) if each.is_time]
        found = [(place, each) for place, each in enumerate(held) if not each.is_time]
        kept = sorted(set(np.linspace(0, len(found) - 1, min(most, len(found))).astype(int).tolist())) if found else []
        written: Dict[int, int] = {}
        steps = self._write(clock) if clock is not None and found else None
        for place, each in (found[index] for index in kept):
            values = recorders.values(each.vector)
            address = each.times
            if each.kind == EVERY_STEP and cvode:
                address = _clock_of(place, len(values), clocks, recorders)
            if address is not None and address not in written:
                written[address] = self._write(recorders.values(address))
            times = written.get(address) if address is not None else None
            if times is None and each.kind == EVERY_STEP and clock is not None and len(clock) == len(values):
                times = steps
            self._note(
                recorders.label(each) or each.name, each.kind, number, values, times, len(found), each.interval_ms
            )
        for name, values, grid in islice(sampled if len(found) < cells else (), most):
            times = self._write(grid) if grid is not None else None
            self._note(name, SAMPLED, number, values, times, 0)

    def finish(self) -> None:
        """The file appears, if there was anything to write."""
        if self._zip is None:
            return
        with self._zip as archive:
            archive.writestr(INDEX, json.dumps({"passes": self._passes, "traces": self._traces}))
        self._zip = None
        os.replace(str(self._temporary), str(self._path))

    @property
    def _temporary(self) -> Path:
        return self._path.with_name("." + self._path.name)

    def _note(
        self,
        name: str,
        kind: str,
        number: int,
        values: np.ndarray,
        times: Optional[int],
        recorded: int,
        interval_ms: Optional[float] = None,
    ) -> None:
        self._traces.append(
            {
                "name": name,
                "kind": kind,
                "pass": number,
                "member": self._write(values),
                "times": times,
                "interval_ms": interval_ms,
                "of": recorded,  # of so many that the script records in this pass
            }
        )

    def _write(self, values: np.ndarray) -> int:
        if self._zip is None:
            self._zip = zipfile.ZipFile(str(self._temporary), "w", zipfile.ZIP_STORED)
        number, self._members = self._members, self._members + 1
        with self._zip.open("%d.npy" % number, "w", force_zip64=values.nbytes > 1 << 30) as member:
            np.lib.format.write_array(member, values, allow_pickle=False)
        return number


def _clock_of(place: int, size: int, clocks: List[Tuple[int, Held]], recorders: Recorders) -> Optional[int]:
    """The recorded t that goes with a vector: as long, and the nearest in the script's order."""
    alike = [(abs(at - place), held.vector) for at, held in clocks if len(recorders.values(held.vector)) == size]
    return min(alike)[1] if alike else None
