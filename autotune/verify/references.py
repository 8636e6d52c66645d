"""The rasters that a trial is compared with, beside the baseline, and how this model can be compared at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autotune.raster import Raster, read_raster

Regime = Literal["regular", "chaotic", "random"]
"""Spike by spike; after a while by statistics only; by statistics only, because the model does not reproduce itself."""
PERTURBED, HALF, QUARTER, NULL, REPEAT = "perturbed", "half-dt", "quarter-dt", "null", "repeat"
LONGER = "longer-dt"
TIGHTER = "tighter"


@dataclass(frozen=True)
class References:
    """The rasters that a trial is compared with, beside the baseline."""

    perturbed: tuple[Raster, ...] = ()
    """The baseline with a perturbation as small as round-off."""
    finer: tuple[Raster, ...] = ()
    """At dt/2, but of a chaotic network, and at dt/4; of a variable step at a tighter tolerance."""
    null: tuple[Raster, ...] = ()
    """Runs that must be called the same result: the baseline, sent another way."""
    finer_until_ms: float | None = None
    """Where those at a finer dt end, if not with the run: a long regular model is rerun so on the part that the search
    uses.
    """


def read_references(folder: Path, finer_until_ms: float | None = None) -> References:
    """The rasters that the calibration kept in `folder`, those at a finer dt up to there."""

    def kept(*patterns: str) -> tuple[Raster, ...]:
        return tuple(read_raster(file) for pattern in patterns for file in sorted(folder.glob(f"{pattern}.npz")))

    null = kept(f"{NULL}-*", f"{REPEAT}-*")
    return References(kept(f"{PERTURBED}-*"), kept(HALF, QUARTER, TIGHTER), null, finer_until_ms)
