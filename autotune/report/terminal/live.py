"""The study while it runs: a view that is redrawn in place in a terminal, and in Jupyter where ipywidgets is there;
elsewhere a plain line for each event.
"""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autotune.agent.knobs import KNOBS
from autotune.best import Best
from autotune.calibrate.calibration import Calibration
from autotune.calibrate.noise import NoiseRecord
from autotune.calibrate.price import Prices, in_words
from autotune.config import SearchConfig
from autotune.confirm.elsewhere import Checked
from autotune.measure import Event, Pair
from autotune.observe import Observation
from autotune.plan.space import SearchSpace
from autotune.profile import Advice
from autotune.report.format import (
    counted,
    format_changes,
    format_duration,
    format_left_out,
    format_ratio,
    format_value,
    format_version,
)
from autotune.report.profile import advice_lines
from autotune.report.progress import Progress
from autotune.report.terminal.answer import answer
from autotune.report.terminal.trials import best_so_far, trial_line, trial_table
from autotune.session.record import SessionRecord
from autotune.store.records import Trial

TITLES = {
    "observe": "Running your command once, watched",
    "plan": "What can be tuned",
    "calibrate": "The baseline against itself",
    "search": "Searching",
    "confirm": "Confirming in fresh processes",
    "elsewhere": "The winner's spikes on other commands",
}
SHOWN_TRIALS = 12
BAR_COLUMNS = 24
NAME_COLUMNS = max(map(len, KNOBS))


class TerminalProgress(Progress):
    """Tells a study to a rich console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._trials: list[Trial] = []
        self._limits = SearchConfig()
        self._prices = Prices()
        self._pairs_done = self._starts = self._most_starts = 0

    def step(self, name: str) -> str:
        self._end_live()
        self._console.print(f"[bold]{TITLES.get(name, name)}[/bold]")
        return name

    def observed(self, observation: Observation) -> None:
        facts, environment = observation.facts, observation.environment
        balance = f", load balance {observation.load_balance:.2f}" if observation.load_balance is not None else ""
        self._line(
            f"NEURON {format_version(facts.neuron)}, Python {environment.python}, {environment.mpi}, "
            f"{facts.ranks} rank(s){balance}"
        )
        cells = facts.cells or (facts.trees or 0) + facts.artificial_cells  # those of a serial model have no gid
        delay = f", smallest delay between ranks {facts.min_delay_ms:g} ms" if facts.min_delay_ms is not None else ""
        recorded = f", {counted(facts.recorded, 'recorded vector')}" if facts.recorded else ""
        self._line(
            f"{counted(cells, 'cell')}, {counted(observation.spikes, 'spike')} in {facts.t_stop_ms:g} ms at "
            f"dt = {facts.dt_ms:g} ms{recorded}{delay}"
        )
        parts = observation.sections
        self._line(
            f"set-up {parts['setup']:.2f} s, run {parts['run']:.2f} s (exchange {parts['exchange']:.2f} s), "
            f"output {parts['output']:.2f} s"
        )
        if observation.written:
            more = f" and {len(observation.written) - 5} more" if len(observation.written) > 5 else ""
            self._line(f"it writes {', '.join(observation.written[:5])}{more}")
        self._line(observation.kept or "trials write where your run does")
        for note in observation.notes:
            self._line(f"note: {note}", "yellow")

    def planned(self, space: SearchSpace) -> None:
        for name, domain in space.domains.items():
            for safety in domain.every_class:
                values = ", ".join(format_value(value) for value in domain.values if domain.safety_of(value) == safety)
                self._line(f"{name:<{NAME_COLUMNS}} {safety:<10} {values}")
                name = ""
        for left in space.out:
            self._line(f"{left.knob:<{NAME_COLUMNS}} {format_left_out(left.values)}: {left.reason}", "dim")

    def calibrated(self, calibration: Calibration) -> None:
        if calibration.regime != "random":
            self._line("the model reproduces itself bit for bit")
        if calibration.regime == "chaotic":
            self._line(f"chaotic: {calibration.why}; a change of numbers is judged by statistics")
        elif calibration.half_dt_distance or calibration.half_dt_shift_ms is not None:
            comfort = ": the error you live with" if calibration.in_range else ""
            self._line(f"half the dt {_half_dt(calibration)}{comfort}")
        if calibration.note:
            self._line(f"note: {calibration.note}", "yellow")
        for knob, values in calibration.only.items():
            self._line(f"{knob}: only {', '.join(format_value(value) for value in values)}, for this reason", "yellow")
        if calibration.left_out:
            self._line(f"{', '.join(calibration.left_out)}: left out for this reason", "yellow")
        if calibration.unproved:
            self._line("what changes the numbers (numerical) is left out for this reason", "yellow")

    def timed(self, record: NoiseRecord, note: str) -> None:
        for line in filter(None, (note, *record.advice)):
            self._line(line)

    def priced(self, prices: Prices) -> None:
        self._prices = prices
        for line in in_words(prices):
            self._line(line)

    def session(self, record: SessionRecord) -> None:
        self._line(record.note if record.way else f"every trial is a fresh process: {record.note}")

    def searching(self, known: list[Trial], limits: SearchConfig) -> None:
        self._trials, self._limits = list(known), limits
        if known:
            self._line(f"going on after {len(known)} finished trials")
        self._begin_live(self._search_view())

    def trial(self, trial: Trial) -> None:
        if not self._trials or self._trials[-1] is not trial:
            self._trials.append(trial)
        if self._live:
            self._live.update(self._search_view())
        else:
            self._line(trial_line(trial, best_so_far(self._trials), self._time_left()))

    def interrupted(self) -> None:
        self._line("Ctrl-C: this trial comes to its end first, and is written down; press it again to stop at once")

    def stopped(self, reason: str) -> None:
        if self._live:
            self._live.update(self._search_view(ended=True))
        self._end_live()
        self._line(f"the search has ended: {reason}")

    def unsteady(self, note: str) -> None:
        if note:
            self._line(note, "yellow")

    def refused(self, trial: int, why: str) -> None:
        self._line(
            f"trial {trial} is out: accepted on the part that is searched, but its whole run is not: {why}", "yellow"
        )

    def confirming(self, chosen: list[Trial], pairs: int, done: int) -> None:
        if not chosen:
            self._line("no accepted trial looked faster by more than chance alone would; nothing to confirm")
            return
        self._pairs_done, self._most_starts = done, pairs
        for place, trial in enumerate(chosen):
            what = "finalist" if place == 0 else "and if it fails"
            self._line(
                f"{what}: trial {trial.number} ({format_changes(trial.changes)}), ratio {format_ratio(trial.ratio)}"
            )
        self._begin_live(self._confirm_view())

    def confirmed(self, event: Event) -> None:
        self._pairs_done += 1
        self._starts = event.start + 1 if isinstance(event, Pair) else 0
        if self._live:
            self._live.update(self._confirm_view())
        elif isinstance(event, Pair):
            ratio = format_ratio(event.trial_s / event.baseline_s)
            self._line(f"pair {self._pairs_done}, start {self._starts}: trial {event.finalist} {ratio}")
        if not isinstance(event, Pair):
            self._line(f"trial {event.finalist} is out: {event.reason}", "yellow")

    def elsewhere(self, checked: Checked) -> None:
        style = "" if checked.accepted else "yellow"
        verdict = "the same" if checked.accepted else "not the same"
        self._line(f"{escape(shlex.join(checked.command))}: {verdict}: {escape(checked.says)}", style)

    def kept(self, folder: Path, why_not: str) -> None:
        said = f"are not kept: {why_not}" if why_not else f"are in {folder}"
        self._line(f"the files of a run with the best settings {said}", "yellow" if why_not else "")

    def finished(self, best: Best, folder: Path) -> None:
        self._end_live()
        self._console.print(answer(best))
        self._console.print(f"python -m autotune export {escape(str(folder))} -o best.json", highlight=False)

    def advised(self, advice: list[Advice]) -> None:
        if advice:
            self._console.print(Group(*advice_lines(advice)))

    def close(self) -> None:
        self._end_live()

    def _line(self, text: str, style: str = "") -> None:
        if self._console.is_terminal:
            self._console.print(Padding(Text(text, style=style), (0, 0, 0, 2)))
        else:
            self._console.print(Text("  " + text, style=style), soft_wrap=True)

    def _begin_live(self, view: RenderableType) -> None:
        if _redraws(self._console):
            self._live = Live(view, console=self._console, refresh_per_second=2)
            self._live.start()

    def _end_live(self) -> None:
        if self._live:
            if self._console.is_jupyter:  # elsewhere stop() draws the last state
                self._live.refresh()
            self._live.stop()
            self._live = None

    def _time_left(self) -> str:
        measured = any(trial.answered_from is None for trial in self._trials)
        if not measured or len(self._trials) >= self._limits.trials:
            return ""
        return f"about {format_duration(self._prices.left_s(self._trials, self._limits))} left"

    def _search_view(self, ended: bool = False) -> Group:
        best, done, total = best_so_far(self._trials), len(self._trials), self._limits.trials
        found = (
            f"best so far {format_ratio(best.ratio)} in trial {best.number} ({format_changes(best.changes)})"
            if best
            else "nothing faster yet"
        )
        left = "" if ended else self._time_left()
        status = f"{done} of {total} trials{left and ', '}{left}; {found}"
        return Group(trial_table(self._trials[-SHOWN_TRIALS:]), Text(), _bar(done, total, status))

    def _confirm_view(self) -> Table:
        text = f"{counted(self._pairs_done, 'pair')}, {self._starts} of {self._most_starts} starts at most"
        return _bar(self._starts, self._most_starts, text)


def _redraws(console: Console) -> bool:
    """Whether what was printed can be drawn anew; rich needs ipywidgets for it in Jupyter."""
    return console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)


def _half_dt(calibration: Calibration) -> str:
    """What half the dt does to the spikes: none of the shifts says anything of spikes that have no partner."""
    share, shift_ms = calibration.half_dt_distance or 0.0, calibration.half_dt_shift_ms
    if shift_ms is None:
        return "leaves no spike with a partner within accept.window_ms"
    if not share:
        return f"shifts its spikes by up to {shift_ms:.3f} ms"
    return (
        f"leaves {share:.1%} of the spikes without a partner within accept.window_ms, and shifts the others by up to "
        f"{shift_ms:.3f} ms"
    )


def _bar(done: int, total: int, text: str) -> Table:
    """A progress bar with its text beside it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_row(ProgressBar(total=total, completed=done, width=BAR_COLUMNS), Text(text))
    return grid
