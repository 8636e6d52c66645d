"""What was tried: the time of each trial, its verdict, and why those that were rejected were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autotune.report.format import counted, format_changes, format_ratio
from autotune.report.html.look import BAD, FEW, VERDICTS, count_along_x, label
from autotune.report.html.look import figure as look
from autotune.report.html.markup import Html, drawn, folded, join, paragraph, table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied
from autotune.store.records import Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DRAWN = 600
"""Trials of a verdict that are drawn at most, evenly chosen; those that were the best of their time always are."""
LISTED = 100
"""Rows of a table at most."""
REASON = 300
"""Characters of a reason at most."""


def figure(studied: Studied) -> Figure | None:
    """A point a trial; those without a time stand on the upper edge."""
    from plotly.graph_objects import Scatter

    trials = studied.answer.trials
    if not trials:
        return None
    top = 1.08 * max([1.0, *(trial.ratio for trial in trials if trial.ratio is not None)])
    traces = [_points(verdict, _of(trials, verdict), top) for verdict in VERDICTS if _of(trials, verdict)]
    winner = studied.winner
    if winner is not None and winner.ratio is not None:
        mark = {"symbol": "circle-open", "size": 20, "color": BAD, "line": {"width": 3}}
        traces.append(
            Scatter(x=[winner.number], y=[winner.ratio], mode="markers", name="best", marker=mark, hoverinfo="skip")
        )
    made = look(traces, "trial", "time over the user's own", height=400)
    made.add_hline(y=1.0, line={"dash": "dot", "color": VERDICTS["not applicable"][0]})
    made.update_yaxes(rangemode="tozero")
    last = max(trial.number for trial in trials)
    if last < FEW:
        count_along_x(made, 0, last)
    return made


def section(studied: Studied) -> Section:
    """The figure, what became of the trials, and the reasons of those that were rejected."""
    trials, best = studied.answer.trials, studied.best
    told = f"{counted(len(trials), 'trial')}: {_verdicts(best.evidence.verdicts)}."
    why = f" The search ended because {best.evidence.stopped}." if best.evidence.stopped else ""
    body: list[object] = [paragraph(told + why)]
    made = figure(studied)
    if made is not None:
        says = (
            "Time of each trial over that of the user's own settings; below 1 is faster. "
            + ("Ringed: the best. " if studied.winner is not None else "")
            + "Trials that gave no time stand on the upper edge"
        )
        body.append(drawn("plot-search", made, says))
    most = max(Counter(trial.verdict for trial in trials).values(), default=0)
    if most > DRAWN:
        body.append(paragraph(f"Drawn: at most {DRAWN} trials of a verdict, evenly chosen.", "soft"))
    rejected = [trial for trial in trials if not trial.accepted]
    if rejected:
        columns = ("trial", "verdict", "changed", "time ratio", "reason")
        body.append(_listed("Rejected trials", columns, [_row(each) for each in rejected]))
    accepted = sorted(_of(trials, "accepted"), key=lambda trial: trial.ratio or 1.0)
    if accepted:
        rows = [(each.number, format_changes(each.changes), format_ratio(each.ratio)) for each in accepted]
        body.append(_listed("Accepted trials, the fastest first", ("trial", "changed", "time ratio"), rows))
    return Section("search", "What was tried", join(body))


def _of(trials: Sequence[Trial], verdict: str) -> list[Trial]:
    return [trial for trial in trials if trial.verdict == verdict]


def _points(verdict: str, trials: list[Trial], top: float) -> Any:
    from plotly.graph_objects import Scatter

    shown = _chosen(trials)
    colour, symbol = VERDICTS[verdict]
    return Scatter(
        x=[trial.number for trial in shown],
        y=[top if trial.ratio is None else trial.ratio for trial in shown],
        mode="markers",
        name=verdict,
        marker={"color": colour, "symbol": symbol, "size": 8, "line": {"color": colour, "width": 1}},
        text=[label(" ".join(filter(None, (format_changes(each.changes), _short(each.reason, 90))))) for each in shown],
        hovertemplate="trial %{x}: %{y:.3f}<br>%{text}<extra>" + verdict + "</extra>",
    )


def _chosen(trials: list[Trial]) -> list[Trial]:
    """Few enough to draw, those among them that were faster than all before."""
    if len(trials) <= DRAWN:
        return trials
    fastest, kept = float("inf"), []
    every = -(-len(trials) // DRAWN)
    for at, trial in enumerate(trials):
        better = trial.ratio is not None and trial.ratio < fastest
        fastest = trial.ratio if better and trial.ratio is not None else fastest
        if better or at % every == 0:
            kept.append(trial)
    return kept


def _verdicts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items(), key=lambda each: -each[1]))


def _row(trial: Trial) -> tuple[object, ...]:
    reason = _short(trial.reason, REASON)
    if trial.answered_from is not None:
        reason = f"as trial {trial.answered_from}: {reason}"
    return (trial.number, trial.verdict, format_changes(trial.changes), format_ratio(trial.ratio), reason)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _listed(caption: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Html:
    rest = len(rows) - LISTED
    more = f"; the first {LISTED} of {len(rows)}, the others: python -m autotune trials" if rest > 0 else ""
    return folded(f"{caption} ({len(rows)})", table(caption + more, columns, rows[:LISTED], stacked=len(columns) > 4))
