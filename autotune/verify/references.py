"""The rasters that a trial is compared with, beside the baseline, and how this model can be compared at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autotune.raster import Raster, read_raster

Regime = Literal["regular", "chaotic", "random"]
"""Spike by spike; after a while by statistics only; by statistics only, because the model does not reproduce itself."""
PERTURBED, HALF, QUARTER, NULL, REPEAT = "perturbed", "half-dt", "quarter-dt", "null", "repeat"


@dataclass(frozen=True)
class References:
    """The rasters that a trial is compared with, beside the baseline."""

    perturbed: tuple[Raster, ...] = ()
    """The baseline with a perturbation as small as round-off."""
    finer: tuple[Raster, ...] = ()
    """At dt/2 and at dt/4."""
    null: tuple[Raster, ...] = ()
    """Runs that must be called the same result: the baseline, sent another way."""


def read_references(folder: Path) -> References:
    """The rasters that the calibration kept in `folder`."""

    def kept(*patterns: str) -> tuple[Raster, ...]:
        return tuple(read_raster(file) for pattern in patterns for file in sorted(folder.glob(f"{pattern}.npz")))

    return References(kept(f"{PERTURBED}-*"), kept(HALF, QUARTER), kept(f"{NULL}-*", f"{REPEAT}-*"))
