"""Both rasters over one another, and where they part."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from autotune.raster.metrics import first_divergence_ms
from autotune.raster.raster import Raster
from autotune.report.html.look import BAD, OWN, TUNED
from autotune.report.html.look import figure as look
from autotune.report.html.markup import drawn, join, paragraph
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DRAWN = 6_000
"""Spikes of a raster that are drawn at most: of an even choice of cells, then of time."""
CLOSE_UP = 40
"""So many spikes of both rasters on either side of where they part are drawn large."""


def figure(studied: Studied) -> Figure | None:
    """A short line a spike; each raster is one path, so that many stay fast."""
    own, tuned = studied.baseline, studied.tuned
    if own is None or not len(own):
        return None
    cells = _cells(own, tuned)
    traces = [_trace(own, cells, "the user's own", OWN, 0.45, 3.0)]
    if tuned is not None:
        traces.append(_trace(tuned, cells, "the best", TUNED, 0.3, 1.2))
    made = look(traces, "time, ms", "cell, in order of gid", height=420)
    parted = _parted(studied)
    if parted is not None:
        made.add_vline(x=parted, line={"color": BAD, "dash": "dot"})
    return made


def close_up(studied: Studied) -> Figure | None:
    """The same around the first spike that only one of them has, so that single shifts can be seen."""
    own, tuned, parted = studied.baseline, studied.tuned, _parted(studied)
    if own is None or tuned is None or parted is None:
        return None
    begin_ms, end_ms = _around(own, tuned, parted, studied.window_ms)
    near = [raster.window(begin_ms, end_ms) for raster in (own, tuned)]
    cells = np.union1d(near[0].gid_set, near[1].gid_set)
    traces = [
        _trace(near[0], cells, "the user's own", OWN, 0.45, 3.0),
        _trace(near[1], cells, "the best", TUNED, 0.3, 1.2),
    ]
    made = look(traces, "time, ms", "cell that fires here", height=320)
    made.add_vline(x=parted, line={"color": BAD, "dash": "dot"})
    return made


def _around(own: Raster, tuned: Raster, parted: float, window_ms: float) -> tuple[float, float]:
    """From when until when: CLOSE_UP spikes on either side, and room for a spike that is moved as far as it may be."""
    begin_ms, end_ms = parted - 2 * window_ms, parted + 2 * window_ms
    for raster in (own, tuned):
        here = int(np.searchsorted(raster.times_ms, parted))
        before, after = max(0, here - CLOSE_UP // 2), min(len(raster) - 1, here + CLOSE_UP // 2)
        begin_ms = min(begin_ms, float(raster.times_ms[before])) if here else begin_ms
        end_ms = max(end_ms, float(raster.times_ms[after])) if here < len(raster) else end_ms
    return begin_ms, end_ms


def section(studied: Studied) -> Section | None:
    """The figure, and in words what cannot be seen in it."""
    made = figure(studied)
    if made is None or studied.baseline is None:
        return None
    if studied.tuned is None:
        why = "There is no other raster to lay over it" if studied.winner is None else "The best one's was not kept"
        says = f"When which cell spikes with the user's own settings: {len(studied.baseline):,} spikes. {why}"
        return Section("raster", "The spikes", join([_bounded(studied), drawn("plot-raster", made, says)]))
    parted = _parted(studied)
    where = "they are identical" if parted is None else f"the first difference is at {parted:.6g} ms (dotted line)"
    says = (
        f"When which cell spikes: {len(studied.baseline):,} spikes with the user's own settings (wide), "
        f"{len(studied.tuned):,} with the best (narrow); {where}"
    )
    parts = [_bounded(studied), drawn("plot-raster", made, says)]
    close = close_up(studied)
    if close is not None:
        near = (
            f"The same spikes around {parted:.6g} ms, where the first one differs (dotted line); only cells that fire "
            "here have a row"
        )
        parts.append(drawn("plot-parted", close, near))
    return Section("raster", "The spikes", join(parts))


def _bounded(studied: Studied) -> Any:
    if studied.baseline is None or len(studied.baseline) <= DRAWN:
        return ""
    shown = len(_cells(studied.baseline, studied.tuned))
    return paragraph(f"Drawn: {shown} cells, evenly chosen, and at most {DRAWN:,} spikes of each raster.", "soft")


def _parted(studied: Studied) -> float | None:
    if studied.baseline is None or studied.tuned is None:
        return None
    return first_divergence_ms(studied.baseline, studied.tuned)


def _cells(own: Raster, tuned: Raster | None) -> Any:
    """The gids that are drawn, in order; all of small rasters."""
    gids = own.gid_set if tuned is None else np.union1d(own.gid_set, tuned.gid_set)
    most = max(len(own), len(tuned) if tuned is not None else 0)
    return gids[:: max(1, math.ceil(most / DRAWN))]


def _trace(raster: Raster, cells: Any, name: str, colour: str, half: float, width: float) -> Any:
    from plotly.graph_objects import Scatter

    kept = np.isin(raster.gids, cells)
    times, rows = raster.times_ms[kept][:DRAWN], np.searchsorted(cells, raster.gids[kept])[:DRAWN]
    gap = np.full(len(times), np.nan)
    xs, ys = np.column_stack([times, times, gap]), np.column_stack([rows - half, rows + half, gap])
    return Scatter(
        x=np.round(xs.ravel(), 4).tolist(),
        y=ys.ravel().tolist(),
        mode="lines",
        name=name,
        line={"color": colour, "width": width, "simplify": False},
        hoverinfo="skip",
    )
