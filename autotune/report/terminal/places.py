"""How a model scales with ranks and threads, and on what the trials were made, in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autotune.launch.secrets import as_shown
from autotune.report.format import UNLIKE, format_changes, format_ratio
from autotune.search.places import Place


def places_view(places: Sequence[Place]) -> Iterator[RenderableType]:
    """The best trial of each type of node, where there are several, and how the model scales."""
    several = len(places) > 1
    for place in places if several else ():
        best = f"trial {place.best}, {format_ratio(place.best_ratio)}, {format_changes(place.best_changes)}"
        yield Text(as_shown(f"best on {place.node_type}: {best if place.best is not None else 'none accepted'}"))
    if several:
        yield Text(UNLIKE)
    yield from _scaling(places, several)


def _scaling(places: Iterable[Place], several: bool) -> Iterator[RenderableType]:
    for place in places:
        if place.scaling is None:
            continue
        beside = f", with {format_changes(place.scaling.beside)}" if place.scaling.beside else ""
        where = f" on {place.node_type}" if several else ""
        title = escape(as_shown(f"scaling in the study's own trials{beside}{where}"))
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for column in ("ranks", "threads", "s", "speed-up", "efficiency", "trial", "fastest of this size"):
            table.add_column(column, justify="right")
        for point in place.scaling.points:
            table.add_row(
                str(point.ranks),
                str(point.threads),
                f"{point.seconds:.3g}",
                f"{point.speedup:.2f}",
                f"{point.efficiency:.0%}",
                str(point.trial),
                f"trial {point.fastest}, {format_ratio(point.fastest_ratio)}",
            )
        yield table
