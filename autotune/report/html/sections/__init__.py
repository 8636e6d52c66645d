"""The sections of the report, in their order: one file each, with a `section(studied)` that returns None where there is
nothing to tell. Those that draw have a `figure(studied)` too, which the dashboard shows as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotune.report.html.section import Section
from autotune.report.html.sections import (
    answer,
    apply,
    bill,
    brings,
    elsewhere,
    exchange,
    left_out,
    machine,
    pairs,
    raster,
    scaling,
    search,
    settings,
    shifts,
    times,
)
from autotune.report.html.studied import Studied

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_ORDER = (
    answer,
    settings,
    brings,
    pairs,
    raster,
    shifts,
    elsewhere,
    times,
    exchange,
    scaling,
    search,
    left_out,
    bill,
    apply,
    machine,
)


_DRAWN = (search, pairs, brings, raster, shifts, times, exchange)


def figures(studied: Studied) -> dict[str, Figure]:
    """All figures that there are, by the name of their section."""
    made = {module.__name__.rpartition(".")[2]: module.figure(studied) for module in _DRAWN}
    return {name: figure for name, figure in made.items() if figure is not None}


def sections(studied: Studied) -> list[Section]:
    """All that have something to tell."""
    made = (module.section(studied) for module in _ORDER)
    return [each for each in made if each is not None]
