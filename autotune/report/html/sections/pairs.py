"""The proof: new pairs of runs, the user's own settings against the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotune.measure import Finding, Pair
from autotune.report.format import counted
from autotune.report.html.look import BAD, TUNED, count_along_x
from autotune.report.html.look import figure as look
from autotune.report.html.markup import drawn, folded, join, paragraph, table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

NOBODY = (
    "No accepted trial looked faster than the user's own settings by more than chance alone would, so none was "
    "measured again."
)


def finding_of(studied: Studied) -> Finding | None:
    """The winner's, else that of the finalist that came closest."""
    found = studied.confirmation
    return found.best or max(found.findings, key=lambda each: each.speedup.estimate, default=None)


def pairs_of(studied: Studied) -> list[Pair]:
    """Its pairs."""
    finding = finding_of(studied)
    return [pair for pair in studied.confirmation.samples if finding and pair.finalist == finding.finalist]


def figure(studied: Studied) -> Figure | None:
    """A point a pair; the estimate as a line in its interval."""
    from plotly.graph_objects import Scatter

    finding, pairs = finding_of(studied), pairs_of(studied)
    if finding is None or not pairs:
        return None
    points = Scatter(
        x=[number + 1 for number in range(len(pairs))],
        y=[pair.baseline_s / pair.trial_s for pair in pairs],
        mode="markers",
        marker={"size": 10, "color": TUNED},
        customdata=[[pair.baseline_s, pair.trial_s] for pair in pairs],
        hovertemplate="own %{customdata[0]:.4g} s, best %{customdata[1]:.4g} s: %{y:.3f}<extra></extra>",
        showlegend=False,
    )
    made = look([points], "pair of runs", "times as fast")
    speed = finding.speedup
    made.add_hrect(y0=speed.low, y1=speed.high, fillcolor=TUNED, opacity=0.18, line_width=0)
    made.add_hline(y=speed.estimate, line={"color": TUNED})
    made.add_hline(y=1.0, line={"color": BAD, "dash": "dot"})
    count_along_x(made, 1, len(pairs))
    return made


def section(studied: Studied) -> Section | None:
    """The figure, its numbers, and the test."""
    finding, made = finding_of(studied), figure(studied)
    if finding is None or made is None:
        nobody = paragraph(NOBODY)
        return Section("pairs", "The proof", nobody)
    pairs, speed = pairs_of(studied), finding.speedup
    rows = [
        (
            number + 1,
            f"{pair.baseline_s:.4g}",
            f"{pair.trial_s:.4g}",
            f"{pair.baseline_s / pair.trial_s:.3f}",
            "the user's own" if pair.baseline_first else "the best",
        )
        for number, pair in enumerate(pairs)
    ]
    says = (
        f"{counted(len(pairs), 'pair')} of new runs, trial {finding.finalist} against the user's own settings. Line: "
        f"estimate, {speed.estimate:.3f} times as fast; band: {speed.confidence:.0%} interval, {speed.low:.3f} to "
        f"{speed.high:.3f}; dotted: equally fast"
    )
    why = (
        "The best of many trials is also the luckiest. So it met the user's own settings again, in new pairs of runs "
        f"in random order. By the test ({studied.confirmation.test}) p = {finding.corrected_p:.2g}: "
        + ("faster." if finding.proved else "not proved to be faster.")
        + "".join(f" {line}" for line in studied.best.evidence.disturbed)
    )
    columns = ("pair", "own, s", "best, s", "times as fast", "ran first")
    body = [paragraph(why), drawn("plot-pairs", made, says), folded("The numbers", table("The pairs", columns, rows))]
    return Section("pairs", "The proof", join(body))
