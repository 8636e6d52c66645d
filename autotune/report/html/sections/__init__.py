"""The sections of the report, in their order: one file each, with a `section(studied)` that returns None where there is
nothing to tell. Those that draw have a `figure(studied)` too, which the dashboard shows as well.
"""

from __future__ import annotations

from autotune.report.html.section import Section
from autotune.report.html.sections import (
    answer,
    apply,
    bill,
    brings,
    exchange,
    left_out,
    machine,
    pairs,
    raster,
    search,
    settings,
    shifts,
    times,
)
from autotune.report.html.studied import Studied

_ORDER = (answer, settings, brings, pairs, raster, shifts, times, exchange, search, left_out, bill, apply, machine)


def sections(studied: Studied) -> list[Section]:
    """All that have something to tell."""
    made = (module.section(studied) for module in _ORDER)
    return [each for each in made if each is not None]
