"""Baseline and best side by side."""

from __future__ import annotations

from autotune.agent.knobs import KNOBS
from autotune.report.format import format_value
from autotune.report.html.markup import Html, table, text
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied


def section(studied: Studied) -> Section | None:
    """Every searched setting; those that differ are bold."""
    best = studied.best
    own = best.baseline_settings
    rows = [
        (name, format_value(own[name]), _best(own[name], value), what_it_does(name))
        for name, value in best.settings.items()
    ]
    if not rows:
        return None
    if not studied.improved:
        same = [(name, shown, what) for name, shown, _, what in rows]
        caption = "All settings that were tried, as the user has them: none is to be changed"
        return Section("settings", "The settings", table(caption, ("setting", "own", "what it does"), same))
    caption = "All settings that were tried: the user's own and the best; bold: changed"
    return Section("settings", "The settings", table(caption, ("setting", "own", "best", "what it does"), rows))


def what_it_does(name: str) -> str:
    """The first sentence of the knob's own documentation."""
    import sys

    documented = KNOBS.get(name)
    if documented is None:
        return ""
    words = " ".join((sys.modules[type(documented).__module__].__doc__ or "").split("\n\n")[0].split())
    sentence = words.partition(". ")[0].rstrip(".")
    return sentence.removeprefix(f"{name}: ").replace("`", "")


def _best(own: object, value: object) -> Html:
    shown = text(format_value(value))
    return shown if own == value else Html(f"<strong>{shown}</strong>")
