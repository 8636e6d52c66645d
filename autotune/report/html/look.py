"""How figures look: alike in the report and in the dashboard, legible in light and in dark, and on paper.

Colours are told apart by those who see few of them and stand out from white and from black; every colour has its own
symbol or place beside it.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

OWN = "#7a8794"
"""The user's own settings,"""
TUNED = "#2a86d1"
"""and the best ones."""
BAD = "#d9542b"
FEW = 10
"""So many numbers all have room beside one another."""
INK = "#6b7680"
"""Of what the page does not colour itself: the dashboard's grey on both of its grounds."""
LINE = "rgba(128,128,128,0.25)"
VERDICTS = {
    "accepted": (TUNED, "circle"),
    "diverged": (BAD, "x"),
    "unstable": ("#b0479b", "diamond"),
    "crashed": ("#c99700", "triangle-down"),
    "timeout": ("#8f6bd1", "square"),
    "not applicable": (OWN, "line-ew-open"),
}
"""A colour and a symbol for each verdict of a trial."""


def label(value: object) -> str:
    """Text for a figure: plotly reads some markup in what it is given."""
    return escape(str(value), quote=False)


def figure(traces: list[Any], x: str, y: str, *, height: int = 340, **layout: Any) -> Figure:
    """A figure with titled axes, whose legend lies above the plot, where a narrow screen has room."""
    from plotly.graph_objects import Figure

    made = Figure(traces)
    made.update_layout(
        template="none",
        height=height,
        margin={"l": 50, "r": 24, "t": 40 if _has_legend(traces) else 12, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "size": 13},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        hovermode="closest",
        **layout,
    )
    axis = {"gridcolor": LINE, "zeroline": False, "automargin": True, "linecolor": LINE}
    made.update_xaxes(title={"text": label(x), "standoff": 8}, **axis)
    made.update_yaxes(title={"text": label(y), "standoff": 8}, **axis)
    return made


def count_along_x(made: Figure, first: int, last: int) -> None:
    """An axis of whole numbers, which plotly would divide into halves where there are few."""
    made.update_xaxes(range=[first - 0.5, last + 0.5], **({"dtick": 1} if last - first < FEW else {}))


def _has_legend(traces: list[Any]) -> bool:
    return any(trace.showlegend is not False for trace in traces)
