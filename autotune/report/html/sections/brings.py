"""What each setting brings beside the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotune.report.format import format_value
from autotune.report.html.look import BAD, INK, OWN, TUNED, label
from autotune.report.html.look import figure as look
from autotune.report.html.markup import drawn, folded, join, paragraph, table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SAYS = (
    "Each setting was taken out in turn, the others kept. Points: time without it over time with it; bars: 95 % "
    "interval; above 1 it makes the run faster"
)
NOT_MEASURED = "Not measured here: to take out one setting after the other would have needed many new processes."


def figure(studied: Studied) -> Figure | None:
    """A point with its interval for each setting."""
    from plotly.graph_objects import Scatter

    settings = studied.brings
    if not settings:
        return None
    names = [label(f"{each['knob']} {format_value(each['value'])}") for each in settings]
    middle = [each["estimate"] for each in settings]
    points = Scatter(
        x=middle,
        y=names,
        mode="markers",
        marker={"size": 11, "color": [TUNED if each["kept"] else OWN for each in settings]},
        error_x={
            "type": "data",
            "color": INK,
            "array": [each["high"] - each["estimate"] for each in settings],
            "arrayminus": [each["estimate"] - each["low"] for each in settings],
        },
        showlegend=False,
    )
    made = look([points], "times as fast with it", "", height=120 + 40 * len(names))
    made.update_yaxes(autorange="reversed")  # in the order of the table
    made.add_vline(x=1.0, line={"color": BAD, "dash": "dot"})
    return made


def section(studied: Studied) -> Section | None:
    """The figure and its numbers, where it was measured."""
    made = figure(studied)
    if made is None:
        return Section("brings", "What each setting brings", paragraph(NOT_MEASURED)) if studied.improved else None
    rows = [
        (
            f"{each['knob']} {format_value(each['value'])}",
            f"{each['estimate']:.3f}",
            f"{each['low']:.3f} to {each['high']:.3f}",
            "kept" if each["kept"] else "left out: it brings nothing",
        )
        for each in studied.brings
    ]
    numbers = table("What each setting brings", ("setting", "times as fast", "95 % interval", ""), rows)
    body = [paragraph("Not every setting matters. This is what each brings."), drawn("plot-brings", made, SAYS)]
    return Section("brings", "What each setting brings", join([*body, folded("The numbers", numbers)]))
