"""Studies in a list, one study, and one trial with all that is known of it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autotune.report.format import NOTHING, format_duration, format_number, format_ratio, format_value
from autotune.report.studies import FINISHED, Listed, Shown, ShownTrial
from autotune.report.terminal.answer import answer
from autotune.report.terminal.places import places_view
from autotune.report.terminal.trials import VERDICT_STYLES, trial_table, why


def studies_table(studies: list[Listed]) -> RenderableType:
    """Folder, day, how far it has come, and its answer."""
    if not studies:
        return Text("no study there", style="dim")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("folder", "study", "begun", "state", "trials", "answer"):
        table.add_column(column, justify="right" if column == "trials" else "left")
    for each in studies:
        state = each.state if each.state == FINISHED or not each.created else f"not finished: {each.state} comes next"
        cells = (escape(str(each.folder)), escape(each.study), each.created[:16].replace("T", " "), escape(state))
        table.add_row(*cells, str(each.trials), _answer(each))
    return table


def study_view(shown: Shown) -> RenderableType:
    """The answer; of a study that is not finished, its trials so far."""
    if shown.listed.best is not None:
        return Group(answer(shown.listed.best), *places_view(shown.listed.best.evidence.places))
    state = f"study {shown.listed.study} is not finished: {shown.listed.state} comes next"
    return Group(Text(state), trial_table(list(shown.trials)))


def trial_view(shown: ShownTrial) -> RenderableType:
    """Settings beside the user's own, verdict, times and what became of the spikes."""
    trial = shown.trial
    settings = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("setting", "yours", "asked for", "in effect"):
        settings.add_column(column)
    for name in dict.fromkeys((*trial.params, *trial.changes, *trial.effective)):
        known = (values.get(name, NOTHING) for values in (shown.own, trial.params, trial.effective))
        settings.add_row(name, *(Text(value if value == NOTHING else format_value(value)) for value in known), style="")
    facts = Table(box=None, pad_edge=False, show_header=False)
    verdict = Text(trial.verdict, style=VERDICT_STYLES[trial.verdict])
    facts.add_row("verdict", verdict + Text(f" as {trial.safety}" + (f": {why(trial)}" if why(trial) else "")))
    facts.add_row("time ratio", format_ratio(trial.ratio))
    for sample in trial.samples:
        facts.add_row(
            f"{sample.way or 'measured'}",
            f"{sample.trial_s:.3f} s between {sample.before_s:.3f} and {sample.after_s:.3f} s with your own settings",
        )
    facts.add_row("spikes", format_number(trial.spikes))
    facts.add_row("without a partner", NOTHING if trial.distance is None else f"{trial.distance:.2%}")
    facts.add_row("largest shift", NOTHING if trial.largest_shift_ms is None else f"{trial.largest_shift_ms:.3f} ms")
    facts.add_row("sections", Text(", ".join(f"{name} {seconds:.3g} s" for name, seconds in trial.sections.items())))
    facts.add_row("cost", f"{format_duration(trial.wall_s)}, finished {trial.finished}")
    return Group(Text(f"trial {trial.number}", style="bold"), settings, Text(), facts)


def _answer(listed: Listed) -> Text:
    if listed.best is None:
        return Text(NOTHING)
    if listed.best.verdict != "improved":
        return Text(listed.best.verdict)
    speedup = listed.best.speedup
    text = f"{speedup.estimate:.2f} times as fast ({speedup.low:.2f} to {speedup.high:.2f})"
    return Text(text, style=VERDICT_STYLES["accepted"])
