"""Rasters: the type, its files and what can be said about two of them."""

from autotune.raster.files import read_raster, write_raster
from autotune.raster.raster import Raster, merge

__all__ = ["Raster", "merge", "read_raster", "write_raster"]
