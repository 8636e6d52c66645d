"""By how much the spikes of the best settings lie beside those of the user's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autotune.raster.metrics import Match, match
from autotune.report.html.look import TUNED
from autotune.report.html.look import figure as look
from autotune.report.html.markup import drawn, folded, join, paragraph, table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BINS = 31
ON_GRID = 0.05
"""Of a step: what rounding may leave between a shift and the grid."""


def matched(studied: Studied) -> Match | None:
    """The spikes of both rasters in pairs; None where there are not both."""
    if studied.baseline is None or studied.tuned is None:
        return None
    return match(studied.baseline, studied.tuned, studied.window_ms)


def figure(studied: Studied) -> Figure | None:
    """A histogram of the shifts; None where no spike has moved."""
    found = matched(studied)
    return None if found is None else _figure(found)


def section(studied: Studied) -> Section | None:
    """The figure and its numbers; a sentence where no spike has moved."""
    found = matched(studied)
    if found is None or not found.matched:
        return None
    made = _figure(found)
    alone = f"{found.missed:,} of the user's own and {found.extra:,} of the best have no partner"
    if made is None:
        same = paragraph(f"{found.matched:,} spikes compared: none has moved; {alone}.")
        return Section("shifts", "How far spikes move", same)
    says = (
        f"How far {found.matched:,} spikes of the best settings lie from their partner, later to the right; "
        f"{alone} within {studied.window_ms:g} ms"
    )
    rows = [
        ("mean", f"{found.bias_ms:+.4g}"),
        ("median", f"{found.median_ms:+.4g}"),
        ("middle 90 %", f"{found.percentile_ms(5):+.4g} to {found.percentile_ms(95):+.4g}"),
        ("largest", f"{found.max_abs_ms:.4g}"),
    ]
    numbers = table("Shifts of spikes", ("", "ms"), rows)
    body = join([drawn("plot-shifts", made, says), folded("The numbers", numbers)])
    return Section("shifts", "How far spikes move", body)


def _figure(found: Match) -> Figure | None:
    from plotly.graph_objects import Bar

    if not found.matched or not np.any(found.shifts_ms):
        return None
    counts, edges = np.histogram(found.shifts_ms, bins(found.shifts_ms))
    middle = np.round((edges[1:] + edges[:-1]) / 2, 6)
    bars = Bar(x=middle.tolist(), y=counts.tolist(), marker={"color": TUNED}, showlegend=False)
    return look([bars], "shift, ms", "spikes", bargap=0.05)


def bins(shifts_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """The edges of at most BINS bins. Spikes on a grid of dt shift by whole steps: each bin then takes as many of these
    as the next one, or bars would come and go in a rhythm that says nothing.
    """
    values = np.unique(np.round(shifts_ms, 6))
    if len(values) == 1:
        return np.asarray(values[0] + np.array([-0.5, 0.5]) * max(abs(values[0]), 1e-6), np.float64)
    step = float(np.diff(values).min())
    places = (values - values[0]) / step
    if np.abs(places - np.rint(places)).max() > ON_GRID:
        return np.asarray(np.linspace(values[0], values[-1], BINS + 1), np.float64)
    together = math.ceil((round(places[-1]) + 1) / BINS)
    number = math.ceil((round(places[-1]) + 1) / together)
    return np.asarray(values[0] - step / 2 + step * together * np.arange(number + 1), np.float64)
