"""Where the time goes, with the user's own settings and with the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotune.report.html.look import OWN, TUNED
from autotune.report.html.look import figure as look
from autotune.report.html.markup import drawn, folded, join, paragraph, table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SECTIONS = {
    "setup": "set-up",
    "run": "run, in all",
    "step": "– cells",
    "exchange": "– exchange",
    "barrier": "– waiting",
    "output": "output",
}
WHOLE = {"launch": "start", "setup": "set-up", "run": "run", "output": "output"}
"""What makes up a command's wall time."""


def measured(studied: Studied) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each section: of the user's own settings, and of the best; empty where it is not known.

    Those of a trial and of the baseline's own trial, which were made in the same way.
    """
    own = next((trial.sections for trial in studied.answer.trials if not trial.changes and trial.sections), {})
    return own, studied.winner.sections if studied.winner else {}


def figure(studied: Studied) -> Figure | None:
    """Two bars a section."""
    from plotly.graph_objects import Bar

    own, tuned = measured(studied)
    names = [name for name in SECTIONS if max(own.get(name, 0.0), tuned.get(name, 0.0)) > 0.0]
    if not names:
        return None
    bars = [
        Bar(
            x=[sections.get(name, 0.0) for name in reversed(names)],
            y=[SECTIONS[name] for name in reversed(names)],
            orientation="h",
            name=title,
            marker={"color": colour},
            hovertemplate="%{y}: %{x:.4g} s<extra></extra>",
        )
        for title, sections, colour in (("the best", tuned, TUNED), ("the user's own", own, OWN))
        if sections
    ]
    return look(bars, "seconds", "", height=120 + 48 * len(names), barmode="group", legend_traceorder="reversed")


def section(studied: Studied) -> Section | None:
    """The figure and its numbers."""
    made = figure(studied)
    if made is None:
        return None
    own, tuned = measured(studied)
    rows = [
        (title, _seconds(own.get(name)), _seconds(tuned.get(name) or None))
        for name, title in SECTIONS.items()
        if max(own.get(name, 0.0), tuned.get(name, 0.0)) > 0.0
    ]
    says = (
        "Seconds of each part of one run, of the slowest rank; below the run: its cells, the exchange of spikes, "
        "waiting for other ranks. It is one run each, at different moments: what compares them is the proof. Trials "
        "on a built network have no set-up"
    )
    if tuned.get("run") and not tuned.get("step"):
        says += ". Nothing tells the parts of the run with the best settings, in CoreNEURON for example"
    numbers = table("Seconds of each part of a run", ("part", "the user's own", "best"), rows)
    body = join([paragraph(_whole(studied)), drawn("plot-times", made, says), folded("The numbers", numbers)])
    return Section("times", "Where the time goes", body)


def _whole(studied: Studied) -> str:
    """The watched run from its start to its end, set-up included."""
    seen = studied.answer.observation
    parts = ", ".join(f"{title} {seen.sections[name]:.2g} s" for name, title in WHOLE.items() if name in seen.sections)
    return (
        f"With the user's own settings the whole command took {seen.wall_s:.3g} s: {parts}, and its end. What of the "
        "set-up creates cells and what connects them: python -m autotune profile."
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
