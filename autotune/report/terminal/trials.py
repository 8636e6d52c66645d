"""Trials as rows, and which of them is the best so far."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autotune.report.format import format_changes, format_ratio
from autotune.results import in_words
from autotune.store.records import Trial

VERDICT_STYLES = {
    "accepted": "green",
    "diverged": "red",
    "unstable": "red",
    "crashed": "bold red",
    "timeout": "yellow",
    "not applicable": "dim",
}


def trial_table(trials: list[Trial]) -> Table:
    """Number, settings, verdict, paired time ratio, and why."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("trial", justify="right")
    table.add_column("settings", ratio=3)
    table.add_column("verdict")
    table.add_column("time ratio", justify="right")
    table.add_column("why", ratio=2, style="dim")
    for trial in trials:
        verdict = Text(trial.verdict, style=VERDICT_STYLES[trial.verdict])
        cells = (escape(format_changes(trial.changes)), verdict, format_ratio(trial.ratio), escape(why(trial)))
        table.add_row(str(trial.number), *cells)
    return table


def trial_line(trial: Trial, best: Trial | None, left: str) -> str:
    """The same in one line, for a file or a pipe."""
    reason = why(trial)
    cells = (
        f"trial {trial.number:>3}",
        f"{format_changes(trial.changes):<46} {trial.verdict:<14} {format_ratio(trial.ratio):<7} "
        f"best {format_ratio(best.ratio if best else None)}",
        left,
        f"({reason})" if reason else "",
    )
    return "  ".join(filter(None, cells))


def best_so_far(trials: list[Trial]) -> Trial | None:
    """The fastest accepted trial; None while nothing was faster than the user's own settings, which are no find."""
    faster = [trial for trial in trials if trial.accepted and trial.changes and (trial.ratio or 1.0) < 1.0]
    return min(faster, key=lambda trial: trial.ratio or 1.0, default=None)


def why(trial: Trial) -> str:
    """The trial that answered for it and the reason of its verdict, or what of an accepted one was compared."""
    answered = f"as trial {trial.answered_from}" if trial.answered_from is not None else ""
    return "; ".join(filter(None, (answered, trial.reason or (in_words(trial.looked) if trial.accepted else ""))))
