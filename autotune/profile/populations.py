"""The cells of a network by what they are, a template or a class, and how often each kind spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autotune.agent.protocol import RankReport
from autotune.raster import Raster


@dataclass(frozen=True)
class Population:
    """Cells of one kind on all ranks."""

    name: str
    cells: int
    """With a gid."""
    spikes: int
    rate_hz: float
    """Spikes a second of each, on average over cells and the whole run."""


def populations_of(reports: Sequence[RankReport], raster: Raster, t_ms: float) -> tuple[Population, ...]:
    """The populations of a run of `t_ms` ms, the largest first; those of few cells and of many alike."""
    gids: dict[str, list[int]] = {}
    for report in reports:
        for name, found in report.profile.get("gids", {}).items():
            gids.setdefault(str(name), []).extend(map(int, found))
    made = []
    for name, own in gids.items():
        spikes = int(np.isin(raster.gids, np.asarray(own, dtype=np.int64)).sum())
        made.append(Population(name, len(own), spikes, 1000.0 * spikes / len(own) / t_ms if t_ms > 0.0 else 0.0))
    return tuple(sorted(made, key=lambda each: (-each.cells, each.name)))
