"""The parts that the ranks of a production run wrote, merged into one SONATA file by several processes at once.

Each process takes a slab of time of all parts, sorts it and writes it where it belongs, so that no process ever holds
more than a slab; the result is, spike by spike, that of a serial merge. A kill leaves the parts, or the whole file.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from autotune.agent.parts import RECORD
from autotune.errors import UsageError
from autotune.raster.files import sonata_header
from autotune.raster.indices import read_indices
from autotune.raster.layout import Contiguous, appearing, in_parallel, lay_out, write_at
from autotune.raster.raster import Raster, snap

SLAB = 1 << 18
"""Spikes that a process sorts at once, on average."""


@dataclass(frozen=True)
class Span:
    """Records of a part, sorted by time."""

    file: Path
    first: int
    size: int

    def read(self) -> Any:
        """A copy."""
        return np.fromfile(self.file, RECORD, self.size, offset=self.first * RECORD.itemsize)


@dataclass(frozen=True)
class Slab:
    """What one process sorts and writes: where ids and times go, in bytes of the file."""

    spans: tuple[Span, ...]
    file: Path
    ids_at: int
    times_at: int


def merge_parts(folder: Path, file: Path, processes: int) -> dict[str, int]:
    """Merge the parts in `folder` into the SONATA file `file`, by so many processes; returns how many spikes each
    population has.

    Raises UsageError, see read_indices, and for a model without sources of spikes; OSError where the disk is full.
    """
    indices = read_indices(folder)
    if not any(index["sources"] for index in indices):
        raise UsageError(
            "NEURON looks for no spikes in this model: there are none to keep",
            cure="Give the cells that count a NetCon, or pc.set_gid2node and pc.cell.",
        )
    names = sorted({name for index in indices for name in index["parts"]}) or ["All"]
    spans = {name: [span for index in indices for span in _runs(folder, index["parts"].get(name))] for name in names}
    sizes = {name: sum(span.size for span in found) for name, found in spans.items()}
    groups = {
        f"spikes/{name}": {
            "node_ids": Contiguous("<u8", sizes[name]),
            "timestamps": Contiguous("<f8", sizes[name], {"units": "ms"}),
        }
        for name in names
    }
    with appearing(file) as hidden:
        offsets = lay_out(hidden, groups, lambda out: sonata_header(out, names))
        tasks = [task for name in names for task in _slabs(spans[name], hidden, offsets, f"spikes/{name}")]
        in_parallel(write_slab, tasks, RECORD.itemsize * sum(sizes.values()), processes)
    return sizes


def _runs(folder: Path, part: dict[str, Any] | None) -> Iterator[Span]:
    if part is not None:
        for first, last in pairwise([*part["runs"], part["spikes"]]):
            yield Span(folder / part["file"], first, last - first)


def _slabs(spans: list[Span], file: Path, offsets: dict[str, int], group: str) -> Iterator[Slab]:
    """Slabs of time; all spikes of one moment are in the same."""
    if not spans:
        return
    stride = max(1, SLAB // (4 * len(spans)))
    readers = [_Times(span) for span in spans]
    sampled = sorted(reader.on_grid(number) for reader in readers for number in range(0, reader.span.size, stride))
    edges = sorted(set(sampled[:: max(1, SLAB // stride)][1:]))
    cuts = [[0, *(reader.first_from(edge) for edge in edges), reader.span.size] for reader in readers]
    written = 0
    for slab in range(len(edges) + 1):
        inside = tuple(
            Span(span.file, span.first + cut[slab], cut[slab + 1] - cut[slab])
            for span, cut in zip(spans, cuts, strict=True)
        )
        ids_at, times_at = offsets[f"{group}/node_ids"], offsets[f"{group}/timestamps"]
        yield Slab(tuple(span for span in inside if span.size), file, ids_at + 8 * written, times_at + 8 * written)
        written += sum(span.size for span in inside)


class _Times:
    """Single times of a span, each read by itself: a mapped file would count as memory of this process."""

    def __init__(self, span: Span) -> None:
        self.span = span

    def on_grid(self, number: int) -> float:
        """The time of record `number`, on the grid of rasters."""
        offset = (self.span.first + number) * RECORD.itemsize
        return float(snap(np.fromfile(self.span.file, "<f8", 1, offset=offset))[0])

    def first_from(self, edge_ms: float) -> int:
        """The first record at this time or later."""
        return bisect_left(range(self.span.size), edge_ms, key=self.on_grid)


def write_slab(slab: Slab) -> None:
    """Sort the spikes of a slab and put them where they belong."""
    if not slab.spans:
        return
    records = np.concatenate([span.read() for span in slab.spans])
    # A source without a gid has the id -1 - n; its population names it n.
    ids = np.where(records["id"] < 0, -1 - records["id"], records["id"])
    raster = Raster.from_arrays(ids, records["time_ms"], source=str(slab.spans[0].file))
    write_at(slab.file, slab.ids_at, raster.gids.astype("<u8"))
    write_at(slab.file, slab.times_at, raster.times_ms.astype("<f8"))
