"""How the model scales with ranks and threads, and what holds on which type of node."""

from __future__ import annotations

from autotune.report.format import NOTHING, UNLIKE, format_changes, format_ratio
from autotune.report.html.markup import Html, join, paragraph, table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied
from autotune.search.places import Place

SAYS = (
    "From the trials of this study, all other settings alike: no run was made for it. Times are those of your own "
    "settings times the trial's ratio; speed-up and efficiency are against the fewest cores."
)
COLUMNS = ("ranks", "threads of each", "time, s", "speed-up", "efficiency", "trial", "fastest of this size")


def section(studied: Studied) -> Section | None:
    """A table for each type of node on which trials of several sizes were made; the types themselves, if there are
    several.
    """
    evidence = studied.best.evidence
    several = len(evidence.places) > 1
    body: list[object] = []
    if several:
        body += [paragraph(UNLIKE), _types(evidence.places, evidence.confirmed_on)]
    scaled = [place for place in evidence.places if place.scaling]
    if scaled:
        body += [paragraph(SAYS), *(_table(place, several) for place in scaled)]
    return Section("scaling", "Ranks, threads and nodes", join(body)) if body else None


def _types(places: tuple[Place, ...], confirmed_on: str) -> Html:
    rows = [
        (
            place.node_type,
            place.workers,
            place.trials,
            NOTHING if place.own_s is None else f"{place.own_s:.3g}",
            NOTHING if place.best is None else place.best,
            format_ratio(place.best_ratio),
            NOTHING if place.best is None else format_changes(place.best_changes),
            "here" if place.node_type == confirmed_on else "",
        )
        for place in places
    ]
    columns = ("node", "workers", "trials", "your settings, s", "best trial", "time ratio", "changed", "confirmed")
    return table("What was measured on which nodes", columns, rows, stacked=True)


def _table(place: Place, several: bool) -> Html:
    assert place.scaling is not None
    beside = f", with {format_changes(place.scaling.beside)}" if place.scaling.beside else ""
    where = f" on {place.node_type}" if several else ""
    rows = [
        (
            point.ranks,
            point.threads,
            f"{point.seconds:.3g}",
            f"{point.speedup:.2f}",
            f"{point.efficiency:.0%}",
            point.trial,
            f"trial {point.fastest}, {format_ratio(point.fastest_ratio)}",
        )
        for point in place.scaling.points
    ]
    return table(f"Scaling{beside}{where}", COLUMNS, rows)
