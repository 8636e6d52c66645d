"""Two raster files side by side: the verdict, the numbers behind it, and a picture.

This is the comparison that a user can run alone; it must never call two empty rasters equal, for they prove nothing.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from autotune.agent.protocol import write_atomically
from autotune.errors import ExitCode, UsageError
from autotune.raster.files import read_raster
from autotune.raster.metrics import correlations, first_divergence_ms, identical, isi_cv, match, rates, spike_distance
from autotune.raster.raster import Raster
from autotune.report.format import format_number

Verdict = Literal["identical", "equivalent", "different", "nothing to compare"]
_EXIT: dict[Verdict, ExitCode] = {
    "identical": ExitCode.DONE,
    "equivalent": ExitCode.DONE,
    "different": ExitCode.DIFFERENT,
    "nothing to compare": ExitCode.USAGE,
}
_COLOUR: dict[Verdict, str] = {
    "identical": "green",
    "equivalent": "green",
    "different": "red",
    "nothing to compare": "yellow",
}
_MEANING: dict[Verdict, str] = {
    "identical": "the same spikes at the same times",
    "equivalent": "every spike has its partner within the window",
    "different": "some spikes have no partner within the window",
    "nothing to compare": "both rasters are empty, which proves nothing: record spikes, or a longer run",
}
_DRAWN = 50_000  # spikes of a raster that a picture shows at most


@dataclass(frozen=True)
class Summary:
    """One raster in numbers; means are over the gids of both rasters, and NaN where there is nothing to average."""

    file: str
    spikes: int
    gids: int
    first_ms: float
    last_ms: float
    rate_hz: float
    isi_cv: float
    correlation: float


@dataclass(frozen=True)
class Comparison:
    """What `compare_files` found. Shifts are b - a of the paired spikes, in ms; `missed` are a's alone, `extra` b's
    alone.
    """

    verdict: Verdict
    window_ms: float
    distance: float
    matched: int
    missed: int
    extra: int
    first_divergence_ms: float | None
    shift_mean_ms: float
    shift_median_ms: float
    shift_p5_ms: float
    shift_p95_ms: float
    shift_max_abs_ms: float
    spike_distance: float | None
    a: Summary
    b: Summary
    rasters: tuple[Raster, Raster] = field(repr=False, compare=False)

    @property
    def exit_code(self) -> ExitCode:
        """0 identical or equivalent, 1 different, 2 nothing to compare."""
        return _EXIT[self.verdict]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: plain numbers, strings and None (also for NaN), without the spikes."""
        shallow = {name: value for name, value in vars(self).items() if name not in ("rasters", "a", "b")}
        return {
            **_plain(shallow),
            "exit_code": int(self.exit_code),
            "a": _plain(asdict(self.a)),
            "b": _plain(asdict(self.b)),
        }


def compare_files(
    a: Path,
    b: Path,
    window_ms: float,
    *,
    population: str | None = None,
    columns: str | None = None,
    with_spike_distance: bool = False,
) -> Comparison:
    """Compare two raster files of any format; `population` and `columns` as in `read_raster`.

    The verdict is `identical` (same spikes to 1e-9 ms), `equivalent` (all spikes of a gid pair one to one within
    `window_ms`), `different`, or `nothing to compare` for two empty rasters. One empty raster and one with spikes are
    different, at distance 1. UsageError for files that cannot be read, an unusable window, and for a SPIKE-distance
    without PySpike.
    """
    rasters = (
        read_raster(a, population=population, columns=columns),
        read_raster(b, population=population, columns=columns),
    )
    return compare_rasters(*rasters, window_ms, names=(str(a), str(b)), with_spike_distance=with_spike_distance)


def compare_rasters(
    a: Raster, b: Raster, window_ms: float, *, names: tuple[str, str] = ("a", "b"), with_spike_distance: bool = False
) -> Comparison:
    """As `compare_files`, for rasters that are at hand."""
    found = match(a, b, window_ms)
    ends = [r.times_ms[[0, -1]] for r in (a, b) if len(r)]
    start_ms, stop_ms = (float(min(e[0] for e in ends)), float(max(e[1] for e in ends))) if ends else (0.0, 0.0)
    spike_dist = None
    if with_spike_distance and stop_ms > start_ms:
        spike_dist = spike_distance(a, b, start_ms, stop_ms)
    gids = np.union1d(a.gid_set, b.gid_set)
    summaries = [_summary(r, name, gids, start_ms, stop_ms) for r, name in zip((a, b), names, strict=True)]
    return Comparison(
        verdict=_verdict(a, b, found.missed + found.extra),
        window_ms=window_ms,
        distance=found.distance,
        matched=found.matched,
        missed=found.missed,
        extra=found.extra,
        first_divergence_ms=first_divergence_ms(a, b),
        shift_mean_ms=found.bias_ms,
        shift_median_ms=found.median_ms,
        shift_p5_ms=found.percentile_ms(5),
        shift_p95_ms=found.percentile_ms(95),
        shift_max_abs_ms=found.max_abs_ms,
        spike_distance=spike_dist,
        a=summaries[0],
        b=summaries[1],
        rasters=(a, b),
    )


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """The verdict and its numbers as tables in the terminal."""
    console = console or Console()
    colour = _COLOUR[comparison.verdict]
    console.print(f"[bold {colour}]{comparison.verdict}[/]: {_MEANING[comparison.verdict]}", highlight=False)
    each = Table("", "a", "b", title="Rasters")
    rows = [_plain(asdict(summary)) for summary in (comparison.a, comparison.b)]
    for name in rows[0]:
        each.add_row(name.replace("_", " "), *(format_number(row[name]) for row in rows))
    both = Table("", "value", title="a against b")
    skipped = ("verdict", "exit_code", "a", "b")
    for name, value in comparison.as_dict().items():
        if name not in skipped:
            both.add_row(name.replace("_", " "), format_number(value))
    console.print(each, both)


def plot_comparison(comparison: Comparison, png: Path) -> None:
    """Draw both rasters, one below the other, with a line where they part; large rasters show an even choice of gids.

    UsageError if matplotlib is not installed, if `png` has another extension, or if there is nothing to draw.
    """
    if png.suffix.lower() != ".png":
        raise UsageError(f"{png}: the picture is a PNG.", cure="Give a name that ends with .png.")
    if comparison.verdict == "nothing to compare":
        raise UsageError("Both rasters are empty: nothing to draw.", cure="Compare rasters with spikes.")
    try:
        figure_type = importlib.import_module("matplotlib.figure").Figure
    except ImportError as error:
        raise UsageError("Drawing needs matplotlib.", cure="Install it with: pip install matplotlib") from error
    figure = figure_type(figsize=(10, 7), layout="constrained")
    axes = figure.subplots(2, sharex=True, sharey=True)
    gids = np.union1d(*(r.gid_set for r in comparison.rasters))
    shown = gids[:: math.ceil(max(map(len, comparison.rasters)) / _DRAWN)]
    parted = comparison.first_divergence_ms
    for axis, raster, summary in zip(axes, comparison.rasters, (comparison.a, comparison.b), strict=True):
        kept = np.isin(raster.gids, shown)
        axis.plot(raster.times_ms[kept], np.searchsorted(gids, raster.gids[kept]), "|", ms=3, color="black")
        axis.set(title=f"{summary.file}: {summary.spikes:,} spikes", ylabel="cell, in order of gid")
        if parted is not None:
            axis.axvline(parted, color="red", lw=1, label=f"first difference, {parted:g} ms")
            axis.legend(loc="upper right")
    axes[1].set_xlabel("time (ms)")
    figure.suptitle(f"{comparison.verdict}, distance {comparison.distance:.3g} at {comparison.window_ms:g} ms")

    def fill(file: IO[bytes]) -> None:
        figure.savefig(file, format="png", dpi=120)

    write_atomically(png, fill)


def _verdict(a: Raster, b: Raster, alone: int) -> Verdict:
    if not len(a) and not len(b):
        return "nothing to compare"
    if identical(a, b):
        return "identical"
    return "different" if alone else "equivalent"


def _summary(r: Raster, name: str, gids: Any, start_ms: float, stop_ms: float) -> Summary:
    """Rates count from the first to the last spike of both rasters; correlations are in 5 ms bins of that time, or
    wider.
    """
    nan, span = float("nan"), stop_ms - start_ms
    cvs = isi_cv(r)
    bin_ms = max(5.0, span / 20_000)
    pairs = correlations(r, start_ms, stop_ms, bin_ms=bin_ms, gids=gids) if span >= 2 * bin_ms else np.empty(0)
    return Summary(
        file=name,
        spikes=len(r),
        gids=len(r.gid_set),
        first_ms=float(r.times_ms[0]) if len(r) else nan,
        last_ms=float(r.times_ms[-1]) if len(r) else nan,
        rate_hz=float(rates(r, span, gids).mean()) if span > 0 else nan,
        isi_cv=float(np.nanmean(cvs)) if np.isfinite(cvs).any() else nan,
        correlation=float(pairs.mean()) if len(pairs) else nan,
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}
