"""How many spikes the ranks send one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autotune.report.html.look import OWN
from autotune.report.html.look import figure as look
from autotune.report.html.markup import drawn, folded, join, table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST = 60
"""Bars at most: wider ones where a rank sends more."""


def binned(histogram: Sequence[int]) -> list[tuple[str, int]]:
    """Spikes of the busiest rank at an exchange, and how many exchanges had so many; empty where it is not known."""
    counts = list(histogram)
    while counts and not counts[-1]:
        counts.pop()
    width = -(-len(counts) // MOST) if counts else 1
    return [
        (str(first) if width == 1 else f"{first} to {first + width - 1}", int(sum(counts[first : first + width])))
        for first in range(0, len(counts), width)
    ]


def figure(studied: Studied) -> Figure | None:
    """A bar for each number of spikes."""
    return histogram_figure(studied.answer.observation.facts.histogram)


def histogram_figure(histogram: Sequence[int]) -> Figure | None:
    """The same of a histogram, which a profile has too."""
    from plotly.graph_objects import Bar

    bins = binned(histogram)
    if not bins:
        return None
    bars = Bar(x=[name for name, _ in bins], y=[count for _, count in bins], marker={"color": OWN}, showlegend=False)
    made = look([bars], "spikes of the busiest rank", "exchanges", bargap=0.1)
    made.update_xaxes(type="category", nticks=16)
    return made


def section(studied: Studied) -> Section | None:
    """The figure and its numbers; None for a model on one rank."""
    made = figure(studied)
    if made is None:
        return None
    says = "How many spikes the busiest rank sent at each exchange, with the user's own settings"
    numbers = table(
        "Spikes at each exchange", ("spikes", "exchanges"), binned(studied.answer.observation.facts.histogram)
    )
    body = join([drawn("plot-exchange", made, says), folded("The numbers", numbers)])
    return Section("exchange", "How many spikes are exchanged", body)
